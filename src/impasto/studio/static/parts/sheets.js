// Method × prompt of a comparison: what each method drew of the same words, side by side.
import { button, fill, h } from "../dom.js";
import { url } from "../api.js";

const FEW = 6;

function sheet(name, { style, seed, methods, prompts, pictures }) {
  const box = h("div", { class: "scroll" });
  const picture = (place, method, prompt) => h("div", { class: "picture is-still" }, place && h("img", { src: url("comparisons", name, "pictures", ...place.split("/")), alt: `${method}: ${prompt}`, loading: "lazy", decoding: "async" }));
  const show = (count) => fill(box,
    h("div", { class: "matrix is-named is-sheet", style: { "--columns": methods.length } }, h("span", {}), methods.map((method) => h("strong", {}, method)),
      prompts.slice(0, count).map((prompt, row) => [h("span", {}, prompt), pictures[row].map((place, column) => picture(place, methods[column], prompt))])),
    prompts.length > count && button(`All ${prompts.length} prompts`, () => show(prompts.length), { kind: "plain" }));
  show(FEW);
  return h("div", { class: "method-sheet" }, h("h3", {}, `${style}, seed ${seed}`), box);
}

export const methodSheets = (name, found) =>
  h("details", { class: "more method-sheets" }, h("summary", {}, "Method × prompt"),
    h("p", { class: "help" }, "Says who drew what: judge blind first, if you mean to."), found.map((each) => sheet(name, each)));
