// A place to drop files on, or to choose them with the keyboard.
import { h } from "../dom.js";

export function dropzone(text, taken, { isMany = true } = {}) {
  const input = h("input", { type: "file", accept: "image/*", multiple: isMany, class: "visually-hidden", onchange: () => { taken([...input.files]); input.value = ""; } });
  const told = h("span", { class: "quiet" });
  const zone = h("label", { class: "dropzone" }, input, h("strong", {}, text), told);
  zone.tell = (words) => { told.textContent = words; };
  const over = (isOver) => (event) => { event.preventDefault(); zone.classList.toggle("is-over", isOver); };
  zone.addEventListener("dragover", over(true));
  zone.addEventListener("dragleave", over(false));
  zone.addEventListener("drop", (event) => {
    over(false)(event);
    const files = [...event.dataTransfer.files].filter((file) => file.type.startsWith("image/") || !file.type);
    if (files.length) taken(files);
  });
  return zone;
}
