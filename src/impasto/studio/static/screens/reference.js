// In the style of a picture: nothing is learnt; one picture shows the style, words say what to draw.
import { button, debounced, fill, h } from "../dom.js";
import { get, post } from "../api.js";
import { draft, keepDraft, onChange, sorted } from "../store.js";
import { complain } from "../toast.js";
import { drawings } from "../parts/drawing.js";
import { formOf } from "../parts/form.js";
import { asReference } from "../parts/picture.js";
import { sourcePicture } from "../parts/sourcepicture.js";
import { stripOf, stripsOf } from "../parts/strip.js";

const PRESETS = [["faithful", "Faithful", "to the words"], ["balanced", "Balanced", "words and style"], ["bold", "Bold", "in style"]];
const TITLES = { adapter_scale: "Weight of the picture", adain: "Strength of the style (AdaIN)", teacher: "Layout by the words (teacher)" };
const FIRST = Object.keys(TITLES);
const PLACED = ["prompt", "reference", "preset", "style", "seed", "num_images", "device", "precision", "base", "start", "structure", "mask", "adapter", "encoder", "controlnet", "together", "negative_style", "overwrite"];
const STRIPS = { adapter_scale: [0.5, 1, 1.5, 2, 3], adain: [0, 0.25, 0.5, 0.75, 1], teacher: [0, 0.2, 0.4, 0.6, 1] };
const AWAY = [["", "Nothing"], ["auto", "What the picture itself shows"], ["own", "Another picture"]];

// What guidance steers away from: nothing, the reference's own content, or a picture.
function negativeStyle(wanted, keep) {
  const picker = sourcePicture("Drop the picture to steer away from", wanted.awayPicture, (name) => { wanted.awayPicture = name; keep(); });
  const choose = (name) => { wanted.away = name; picker.hidden = name !== "own"; keep(); };
  choose(wanted.away);
  return h("details", { class: "more", open: Boolean(wanted.away) }, h("summary", {}, "Steer away from"),
    h("div", { class: "stack away" },
      h("div", { class: "radios", role: "radiogroup", "aria-label": "Steer away from" }, AWAY.map(([name, title]) => h("label", { class: "radio" }, h("input", { type: "radio", name: "away", checked: wanted.away === name, onchange: () => choose(name) }), h("span", {}, title)))),
      picker));
}

function settingsOf(wanted, otherwise) {
  const away = wanted.away === "own" ? wanted.awayPicture : wanted.away;
  const prompt = [wanted.prompt.trim() || otherwise];
  return { ...wanted.more, ...(away ? { negative_style: away } : {}), prompt, reference: [wanted.reference], preset: wanted.preset, num_images: wanted.count, seed: wanted.seed };
}

function gallery(again) {
  const strips = h("div", { class: "gallery", role: "group", "aria-label": "Strips" });
  const single = h("div", { class: "gallery", role: "group", "aria-label": "Drawings" });
  const isMine = (job) => job.kind === "transfer";
  let inStrips = new Set();
  const update = drawings(single, (job) => isMine(job) && !inStrips.has(job.id), again);
  const show = () => {
    const found = stripsOf(sorted(isMine), FIRST);
    inStrips = new Set(found.flatMap((strip) => strip.jobs.map((job) => job.id)));
    const key = found.flatMap((strip) => strip.jobs.map((job) => `${job.id}${job.state}${job.pictures.length}`)).join();
    if (strips.dataset.key !== key) { strips.dataset.key = key; fill(strips, found.map((strip) => stripOf(strip, TITLES[strip.name]))); }
    strips.hidden = !found.length;
    update(sorted(() => true));
  };
  show();
  return { node: h("section", {}, strips, single), show };
}

export async function open(screen) {
  const wanted = draft("reference", { prompt: "", reference: "", preset: "balanced", count: 4, seed: 0, more: {}, away: "", awayPicture: "" });
  const keep = debounced(() => keepDraft("reference", wanted), 200);
  const prompt = h("input", { type: "text", class: "prompt", value: wanted.prompt, placeholder: "a castle on a blue background", "aria-label": "What to draw", oninput: (e) => { wanted.prompt = e.target.value; keep(); } });
  const presets = h("div", { class: "purposes", role: "radiogroup", "aria-label": "How much of the style" });
  const showPresets = () => fill(presets, PRESETS.map(([name, title, about]) => h("button", { type: "button", role: "radio", class: "purpose", "aria-checked": String(wanted.preset === name), onclick: () => { wanted.preset = name; keep(); showPresets(); showForm(); } }, h("strong", {}, title), h("span", { class: "quiet" }, about))));
  const form = h("div", {});
  const asked = async (changes = {}) => {
    if (!wanted.reference) return complain(new Error("choose the picture whose style is wanted"));
    if (wanted.away === "own" && !wanted.awayPicture) return complain(new Error("choose the picture to steer away from"));
    return post("/draw", { kind: "transfer", settings: { ...settingsOf(wanted, prompt.placeholder), ...changes } }).catch(complain);
  };
  const strip = async (name) => { for (const value of STRIPS[name]) if (!(await asked({ [name]: value, num_images: 1 }))) return; };
  const beside = (field) => STRIPS[field.name] && h("button", { type: "button", class: "link small", title: `The same picture at ${STRIPS[field.name].join(", ")}`, "aria-label": `Strip over ${TITLES[field.name]}`, onclick: () => strip(field.name) }, "Strip");
  const showForm = () => get(`/forms/transfer?preset=${wanted.preset}`).then((fields) => fill(form, formOf(fields, wanted.more, { hidden: PLACED, first: FIRST, titles: TITLES, beside, onChange: keep }))).catch(complain);
  const shown = gallery((job) => { Object.assign(wanted, asReference(job)); keepDraft("reference", wanted); asked().then(() => dispatchEvent(new HashChangeEvent("hashchange"))); });
  fill(screen,
    h("header", { class: "screen-head" }, h("h1", {}, "In the style of a picture"), h("p", { class: "lead" }, "Nothing is learnt: one picture shows the style, words say what to draw.")),
    h("form", { class: "composer", onsubmit: (e) => { e.preventDefault(); wanted.seed = Math.floor(Math.random() * 1e6); keep(); asked(); } },
      sourcePicture("Drop the picture here", wanted.reference, (name) => { wanted.reference = name; keep(); }),
      prompt, presets, form, negativeStyle(wanted, keep),
      h("div", { class: "composer-row" }, h("span", { class: "spring" }), button("Draw", null, { kind: "accent large", type: "submit" }))),
    shown.node);
  showPresets();
  showForm();
  if (wanted.wantsDraw) { delete wanted.wantsDraw; asked(); }
  return onChange(shown.show);
}
