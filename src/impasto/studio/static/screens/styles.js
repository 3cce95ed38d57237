// The library of styles.
import { button, fill, h } from "../dom.js";
import { get, remove } from "../api.js";
import { draft, facts, keepDraft, onChange, refreshStyles } from "../store.js";
import { complain, undoable } from "../toast.js";
import { cover, newChip } from "../parts/chips.js";
import { openExport } from "../parts/export.js";
import { openSheet } from "../parts/sheet.js";
import { strengthStrip } from "../parts/strengths.js";

const size = (bytes) => (bytes > 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : bytes > 1e6 ? `${Math.round(bytes / 1e6)} MB` : `${Math.max(1, Math.round(bytes / 1e3))} kB`);
const METHODS = { styleforge: "StyleForge", b_lora: "B-LoRA", lora: "LoRA", multi_styleforge: "Multi-StyleForge", dreambooth: "DreamBooth", textual_inversion: "Textual inversion", custom_diffusion: "Custom Diffusion" };

const isSaid = ([, value]) => value !== null && value !== undefined && value !== "" && value !== false;
const rows = (facts) => h("dl", { class: "recipe" }, Object.entries(facts).filter(isSaid).map(([name, value]) => [h("dt", {}, name.replaceAll("_", " ")), h("dd", {}, String(value))]));

async function openCard(style) {
  const card = style.method === "another tool" ? {} : await get(`/styles/${encodeURIComponent(style.name)}/card`).catch(complain);
  if (!card) return;
  const about = { words: card.style_words, content: card.content_words, method: card.method, paper: card.paper && `arXiv:${card.paper}`, base: card.base, steps: card.steps };
  const strip = strengthStrip(style);
  const inside = card.method
    ? [rows(about), h("details", { class: "more" }, h("summary", {}, "All settings"), rows({ loss: card.loss.toFixed(4), ...card.config }))]
    : h("p", { class: "quiet" }, "Another tool made it: it has no card.");
  const sheet = openSheet(style.title, strip.node, inside);
  sheet.addEventListener("close", strip.stop);
}

function tile(style) {
  const use = () => { keepDraft("draw", { ...draft("draw", { prompt: "", seed: 0, count: 4, isLocked: false, more: {} }), chips: [newChip(style)] }); location.hash = "#/draw"; };
  const gone = () => remove(`/styles/${encodeURIComponent(style.name)}`).then((told) => { refreshStyles(); undoable(`${style.title} deleted`, told.undo, refreshStyles); }).catch(complain);
  return h("article", { class: "tile", "aria-label": style.title },
    h("button", { type: "button", class: "tile-cover", onclick: use, "aria-label": `Draw with ${style.title}` }, cover(style.name)),
    h("h3", {}, style.title),
    h("p", { class: "quiet" }, [METHODS[style.method] || style.method, style.steps && `${style.steps} steps`, size(style.bytes)].filter(Boolean).join(" · ")),
    style.words && h("p", {}, "Say ", h("code", {}, style.words)),
    h("div", { class: "row" }, button("Card", () => openCard(style), { kind: "plain" }), button("Export", () => openExport(style), { kind: "plain", icon: "download" }), button("Delete", gone, { kind: "plain" })));
}

export async function open(screen) {
  const grid = h("div", { class: "tiles" });
  const show = () => fill(grid, facts.styles.length ? facts.styles.map(tile) : h("div", { class: "empty" }, h("p", { class: "display" }, "No style yet."), h("p", {}, h("a", { class: "button accent", href: "#/teach" }, "Teach one"))));
  fill(screen, h("header", { class: "screen-head" }, h("h1", {}, "Styles"), h("p", { class: "lead" }, "Each is one file that says itself how it was made; take it home for diffusers, kohya or ComfyUI.")), grid);
  refreshStyles().catch(complain);
  const stop = onChange((changed) => changed.length === 0 && show());
  show();
  return stop;
}
