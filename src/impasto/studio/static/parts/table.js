// The table of a comparison: methods by numbers, the best in the accent.
import { h } from "../dom.js";

const FIRST = ["preferred", "KID", "CMMD", "style similarity", "text alignment", "diversity"];
const shown = (number) => (number ? `${number.mean.toFixed(3)}${number.half === null ? "" : ` ± ${number.half.toFixed(3)}`}` : "");

function best(rows, name) {
  const found = Object.entries(rows).filter(([, row]) => row[name] && row[name].better !== "neither");
  if (found.length < 2) return null;
  const isLower = found[0][1][name].better === "lower";
  return found.sort(([, a], [, b]) => (isLower ? 1 : -1) * (a[name].mean - b[name].mean))[0][0];
}

export function resultTable(table) {
  const styles = Object.entries(table || {}).filter(([, rows]) => Object.keys(rows).length);
  if (!styles.length) return h("p", { class: "quiet" }, "No numbers yet.");
  return h("div", { class: "stack" }, styles.map(([style, rows]) => {
    const names = FIRST.filter((name) => Object.values(rows).some((row) => row[name]));
    return h("div", { class: "scroll" }, h("table", {}, h("caption", {}, style),
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Method"), names.map((name) => h("th", { scope: "col" }, name)))),
      h("tbody", {}, Object.entries(rows).map(([row, numbers]) => h("tr", {}, h("th", { scope: "row" }, row), names.map((name) => h("td", { class: best(rows, name) === row ? "is-best" : "" }, shown(numbers[name]))))))));
  }));
}
