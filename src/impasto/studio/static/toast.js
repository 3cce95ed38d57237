// Short messages at the edge of the page; those about something deleted bring it back.
import { h } from "./dom.js";
import { post } from "./api.js";

export function toast(text, { kind = "", action, seconds = 6 } = {}) {
  const box = h("div", { class: `toast ${kind}` }, h("span", {}, text));
  const gone = () => box.remove();
  if (action) box.append(h("button", { type: "button", class: "link", onclick: () => { gone(); action.run(); } }, action.label));
  document.querySelector(".toasts").append(box);
  setTimeout(gone, seconds * 1000);
}

export const complain = (error) => error.name !== "AbortError" && toast(capital(error.message), { kind: "bad", seconds: 10 });

export const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

export function undoable(text, name, after) {
  const run = () => post(`/undo/${name}`).then(after).catch(complain);
  toast(text, { action: { label: "Undo", run }, seconds: 12 });
}

export async function copied(text, what) {
  await navigator.clipboard.writeText(text);
  toast(`${what} copied`);
}
