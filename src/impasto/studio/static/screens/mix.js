// Restyle a picture of one's own, with a slider between before and after; mix contents and styles in a matrix.
import { button, debounced, fill, h } from "../dom.js";
import { post, url } from "../api.js";
import { draft, facts, keepDraft, onChange, sorted } from "../store.js";
import { complain } from "../toast.js";
import { styleChips, token } from "../parts/chips.js";
import { Drawing } from "../parts/drawing.js";
import { pictureUrl, sourcePicture } from "../parts/sourcepicture.js";

function beforeAfter(job) {
  const after = h("img", { src: url("jobs", job.id, "pictures", job.pictures[0]), alt: `Restyled: ${job.title}` });
  const before = h("img", { src: pictureUrl(job.form.picture), alt: "As it was" });
  const box = h("div", { class: "before-after" }, after, before);
  const slider = h("input", { type: "range", min: 0, max: 100, value: 50, "aria-label": "Before and after", oninput: (e) => box.style.setProperty("--cut", `${e.target.value}%`) });
  return h("figure", { class: "restyled" }, box, slider, h("figcaption", { class: "quiet" }, [job.form.prompt, (job.form.style || []).join(" · ").replaceAll(".safetensors", ""), `${Math.round((job.form.strength ?? 0.6) * 100)} % redrawn`].filter(Boolean).join(" · ")));
}

function restyle() {
  const wanted = draft("mix", { picture: "", prompt: "", chips: [], strength: 0.6, seed: 0 });
  wanted.chips = wanted.chips.filter((chip) => facts.styles.some((style) => style.name === chip.name));
  const keep = debounced(() => keepDraft("mix", wanted), 200);
  const chips = styleChips(wanted.chips, keep);
  const shown = h("output", {}, `${Math.round(wanted.strength * 100)} %`);
  const strength = h("input", { type: "range", min: 0.1, max: 1, step: 0.05, value: wanted.strength, "aria-label": "How much is redrawn", oninput: (e) => { wanted.strength = Number(e.target.value); shown.textContent = `${Math.round(wanted.strength * 100)} %`; keep(); } });
  const prompt = h("input", { type: "text", class: "prompt", value: wanted.prompt, placeholder: "What the picture shows", "aria-label": "What the picture shows", oninput: (e) => { wanted.prompt = e.target.value; keep(); } });
  const begin = (event) => {
    event.preventDefault();
    if (!wanted.picture) return complain(new Error("choose the picture that is to be redrawn"));
    const settings = { picture: wanted.picture, prompt: wanted.prompt.trim(), style: wanted.chips.flatMap(token), strength: wanted.strength, seed: wanted.seed };
    return post("/draw", { kind: "stylize", settings }).catch(complain);
  };
  const node = h("form", { class: "composer", onsubmit: begin },
    sourcePicture("Drop a picture of yours", wanted.picture, (name) => { wanted.picture = name; keep(); }),
    prompt, chips.node,
    h("div", { class: "composer-row" }, h("label", { class: "inline" }, h("span", {}, "Redraw"), strength, shown), h("span", { class: "spring" }), button("Restyle", null, { kind: "accent large", type: "submit" })));
  return { node, stop: chips.stop };
}

function matrix() {
  const withRoles = facts.styles.filter((style) => style.roles.includes("style"));
  if (withRoles.length < 1) return h("p", { class: "quiet" }, "Teach two pictures with “Style and content of one picture” first: then every content can be drawn in every style here.");
  const grid = h("div", { class: "matrix is-named", style: { "--columns": withRoles.length } });
  const draw = async () => {
    for (const content of withRoles) for (const style of withRoles) {
      await post("/draw", { kind: "mix", settings: { content: [content.name], style: [style.name], seed: 0 } }).catch(complain);
    }
  };
  const show = () => {
    const all = sorted((job) => job.kind === "mix");
    const found = (content, style) => all.find((job) => job.form.content?.[0] === content.name && job.form.style?.[0] === style.name);
    fill(grid, h("span", {}), withRoles.map((style) => h("strong", {}, `${style.title} style`)),
      withRoles.map((content) => [h("strong", {}, `${content.title} content`), withRoles.map((style) => {
        const job = found(content, style);
        return job?.pictures.length ? h("div", { class: "picture" }, h("img", { src: url("jobs", job.id, "pictures", job.pictures[0]), alt: `${content.title} in the style of ${style.title}` })) : h("div", { class: `picture ${job ? "is-empty" : ""}` });
      })]));
  };
  show();
  return h("div", { class: "stack" }, grid, h("div", {}, button("Draw the matrix", draw)));
}

export async function open(screen) {
  const form = restyle();
  const results = h("div", { class: "restyles" });
  const waiting = h("div", { class: "gallery" });
  const table = h("section", { class: "step-body" });
  const rebuild = () => fill(table, h("h2", {}, "Content × style"), matrix());
  const show = () => {
    const all = sorted((job) => job.kind === "stylize");
    const key = all.map((job) => job.id + job.pictures.length).join();
    if (results.dataset.key !== key) { results.dataset.key = key; fill(results, all.filter((job) => job.pictures.length).slice(0, 12).map(beforeAfter)); }
    fill(waiting, all.filter((job) => !job.pictures.length && job.state !== "cancelled").slice(0, 4).map((job) => new Drawing(job).node));
  };
  fill(screen, h("header", { class: "screen-head" }, h("h1", {}, "Restyle and mix"), h("p", { class: "lead" }, "A picture of yours, redrawn in a style; or the content of one picture in the style of another.")), form.node, waiting, results, table);
  show();
  rebuild();
  const stop = onChange((changed) => { show(); if (changed.some((job) => job.kind === "mix")) rebuild(); });
  return () => { stop(); form.stop(); };
}
