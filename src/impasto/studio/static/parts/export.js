// A style taken home: as it is, or as another tool reads it.
import { fill, h, icon } from "../dom.js";
import { url } from "../api.js";
import { capital } from "../toast.js";
import { openSheet } from "./sheet.js";

const AS_IT_IS = { full: ["", "impasto", "The style file itself, with its card: all weights, for use here."], otherwise: ["", "impasto and diffusers", "The style file itself, with its card, for use here and in load_lora_weights of diffusers."] };
const DIFFUSERS = ["diffusers", "diffusers", "For load_lora_weights, with the card."];
const OTHERS = [
  ["kohya", "kohya, A1111, Forge", "Names of kohya’s scripts, for Stable Diffusion 1.5 and the web interfaces."],
  ["kohya-ldm", "sd-scripts for SDXL", "The names that sd-scripts writes for SDXL."],
  ["comfyui", "ComfyUI", "For its LoRA loader; A1111 reads kohya’s."],
];

// Fetched first, so that a refusal is said here and not by a broken download.
async function take(address, name, told) {
  fill(told, h("span", { class: "quiet" }, "Writing it…"));
  const answer = await fetch(address).catch(() => null);
  if (!answer?.ok) {
    const said = answer ? await answer.json().catch(() => ({})) : {};
    return fill(told, h("span", { class: "bad", role: "alert" }, capital(said.error || "the studio does not answer: is it still running?")));
  }
  const blob = URL.createObjectURL(await answer.blob());
  h("a", { href: blob, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(blob), 10_000);
  return fill(told, h("span", { class: "quiet" }, `${name} was taken home.`));
}

export function openExport(style) {
  const { name, title } = style;
  const isFull = style.kind === "full";
  const formats = [isFull ? AS_IT_IS.full : AS_IT_IS.otherwise, ...(isFull ? [DIFFUSERS] : []), ...OTHERS];
  const stem = name.replace(/\.safetensors$/, "");
  const rows = formats.map(([form, label, about]) => {
    const told = h("p", { class: "export-told" });
    const file = form ? `${stem}-${form}.safetensors` : name;
    const address = form ? url("styles", name, "for", form) : url("styles", name, "file");
    return h("li", {}, h("button", { type: "button", class: "purpose", onclick: () => take(address, file, told) }, icon("download"), h("strong", {}, label), h("span", { class: "quiet" }, about)), told);
  });
  openSheet(`Take ${title} home`, isFull && h("p", { class: "quiet" }, "All weights of the base were learnt. Other tools read low-rank files: what fits into rank 16 is taken out for them, a close likeness of the style."), h("ul", { class: "exports" }, rows));
}
