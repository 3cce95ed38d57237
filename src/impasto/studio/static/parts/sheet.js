// A sheet of paper over the page: what it holds is read, then it is closed.
import { button, fill, h } from "../dom.js";

export function openSheet(title, ...inside) {
  const sheet = h("dialog", { class: "sheet", "aria-label": title, onclose: () => sheet.remove() });
  sheet.addEventListener("click", (event) => event.target === sheet && sheet.close());
  fill(sheet, h("h2", {}, title), inside, button("Close", () => sheet.close()));
  document.body.append(sheet);
  sheet.showModal();
  return sheet;
}
