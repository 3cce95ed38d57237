// Blind pairwise judgement: two pictures of one prompt, left, right or equal; nobody sees who drew which.
import { button, fill, h } from "../dom.js";
import { get, post, remove, url } from "../api.js";
import { complain, toast } from "../toast.js";
import { resultTable } from "../parts/table.js";

const KEYS = { ArrowLeft: "left", 1: "left", ArrowRight: "right", 2: "right", ArrowDown: "equal", " ": "equal", 0: "equal" };

export async function open(screen, [name = "given"]) {
  const place = `/comparisons/${encodeURIComponent(name)}`;
  const stage = h("div", { class: "judge" });
  const progress = h("progress", { class: "meter", max: 1, value: 0, "aria-label": "Pairs judged" });
  const count = h("p", { class: "quiet" });
  let pair = null;
  let isBusy = false;

  const image = (side) => {
    const [trial, picture] = pair[side].split("/");
    return h("button", { type: "button", class: "judge-side", "aria-label": `${side === "left" ? "Left" : "Right"} is better`, onclick: () => choose(side) },
      h("img", { src: url("comparisons", name, "pictures", trial, picture), alt: `${side} picture` }));
  };
  async function next() {
    pair = await get(`${place}/pair`).catch(complain);
    if (!pair) return;
    progress.max = pair.count || 1;
    progress.value = pair.done;
    count.textContent = `${pair.done} of ${pair.count} pairs`;
    if (!pair.left) return finish();
    fill(stage,
      h("p", { class: "display" }, pair.prompt),
      h("div", { class: "judge-pair" }, image("left"), image("right")),
      h("div", { class: "row judge-row" }, button("← Left", () => choose("left")), button("Equal", () => choose("equal")), button("Right →", () => choose("right"))));
  }
  async function choose(choice) {
    if (!pair?.left || isBusy) return;
    isBusy = true;
    await post(`${place}/judgements`, { left: pair.left, right: pair.right, choice }).catch(complain);
    isBusy = false;
    await next();
  }
  const back = () => remove(`${place}/judgements/last`).then((told) => (told.forgotten ? next() : toast("Nothing was judged yet"))).catch(complain);
  async function finish() {
    const told = await post(`${place}/report`).catch(complain);
    if (!told) return;
    pair = null;
    fill(stage, h("p", { class: "display" }, "Thank you."), !told.written && h("p", { class: "quiet" }, "Run impasto compare once more to have it in the report."), resultTable(told.table), h("div", {}, button("Judge on", next)));
  }
  const keyed = (event) => {
    if (event.target.closest("input, textarea, select, dialog")) return;
    const choice = KEYS[event.key];
    if (choice && pair?.left) { event.preventDefault(); choose(choice); }
    if (event.key === "Backspace" || event.key.toLowerCase() === "u") back();
  };
  document.addEventListener("keydown", keyed);
  fill(screen,
    h("header", { class: "screen-head" }, h("h1", {}, "Which is better?"), h("p", { class: "lead" }, "Left, right, or equal: arrow keys, with down for equal; U takes the last one back."), progress, count),
    stage,
    h("div", { class: "row judge-row" }, button("Take back", back, { kind: "plain" }), button("That is enough", finish, { kind: "plain" })));
  await next();
  return () => document.removeEventListener("keydown", keyed);
}
