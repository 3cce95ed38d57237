// In the style of a picture: nothing is learnt; one picture shows the style, words say what to draw.
import { button, debounced, fill, h } from "../dom.js";
import { get, post } from "../api.js";
import { draft, keepDraft, onChange, sorted } from "../store.js";
import { complain } from "../toast.js";
import { drawings } from "../parts/drawing.js";
import { formOf } from "../parts/form.js";
import { sourcePicture } from "../parts/sourcepicture.js";

const PRESETS = [["faithful", "Faithful", "to the words"], ["balanced", "Balanced", "words and style"], ["bold", "Bold", "in style"]];
const FIRST = ["adapter_scale", "adain", "teacher"];
const PLACED = ["prompt", "reference", "preset", "style", "seed", "num_images", "device", "precision", "base", "start", "structure", "mask", "adapter", "encoder", "controlnet", "together"];
const STRIP = [0.5, 1, 1.5, 2, 3];

export async function open(screen) {
  const wanted = draft("reference", { prompt: "", reference: "", preset: "balanced", count: 4, seed: 0, more: {} });
  const keep = debounced(() => keepDraft("reference", wanted), 200);
  const prompt = h("input", { type: "text", class: "prompt", value: wanted.prompt, placeholder: "a castle on a blue background", "aria-label": "What to draw", oninput: (e) => { wanted.prompt = e.target.value; keep(); } });
  const presets = h("div", { class: "purposes", role: "radiogroup", "aria-label": "How much of the style" });
  const showPresets = () => fill(presets, PRESETS.map(([name, title, about]) => h("button", { type: "button", role: "radio", class: "purpose", "aria-checked": String(wanted.preset === name), onclick: () => { wanted.preset = name; keep(); showPresets(); showForm(); } }, h("strong", {}, title), h("span", { class: "quiet" }, about))));
  const form = h("div", {});
  const showForm = () => get(`/forms/transfer?preset=${wanted.preset}`).then((fields) => fill(form, formOf(fields, wanted.more, { hidden: PLACED, first: FIRST, onChange: keep }))).catch(complain);
  const settings = (changes = {}) => ({ ...wanted.more, prompt: [wanted.prompt.trim() || prompt.placeholder], reference: [wanted.reference], preset: wanted.preset, num_images: wanted.count, seed: wanted.seed, ...changes });
  const asked = (changes) => {
    if (!wanted.reference) return complain(new Error("choose the picture whose style is wanted"));
    return post("/draw", { kind: "transfer", settings: settings(changes) }).catch(complain);
  };
  const strip = async () => { for (const scale of [...STRIP].reverse()) await asked({ adapter_scale: scale, num_images: 1 }); };
  const gallery = h("section", { class: "gallery", "aria-label": "Drawings" });
  const update = drawings(gallery, (job) => job.kind === "transfer");
  const show = () => update(sorted(() => true));
  fill(screen,
    h("header", { class: "screen-head" }, h("h1", {}, "In the style of a picture"), h("p", { class: "lead" }, "Nothing is learnt: one picture shows the style, words say what to draw.")),
    h("form", { class: "composer", onsubmit: (e) => { e.preventDefault(); wanted.seed = Math.floor(Math.random() * 1e6); keep(); asked(); } },
      sourcePicture("Drop the picture here", wanted.reference, (name) => { wanted.reference = name; keep(); }),
      prompt, presets, form,
      h("div", { class: "composer-row" }, h("span", { class: "spring" }), button("Strip over the weight", strip, { title: `The same picture at ${STRIP.join(", ")}` }), button("Draw", null, { kind: "accent large", type: "submit" }))),
    gallery);
  showPresets();
  showForm();
  show();
  return onChange(show);
}
