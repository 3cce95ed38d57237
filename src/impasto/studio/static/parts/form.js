// Fields made from the option models of the server: name, help, range and default come from there.
import { fill, h } from "../dom.js";

export const label = (name) => (name.charAt(0).toUpperCase() + name.slice(1)).replaceAll("_", " ");

const bounds = (field) => ({
  min: field.min ?? field.above,
  max: field.max ?? field.below,
  step: field.kind === "int" ? 1 : "any",
});

function control(field, value, changed) {
  const common = { id: `option-${field.name}`, name: field.name, "aria-describedby": `help-${field.name}` };
  if (field.kind === "choice") {
    const chosen = value ?? field.default;
    return h("select", { ...common, onchange: (e) => changed(e.target.value) },
      field.choices.map((each) => h("option", { value: each, selected: each === chosen }, String(each))));
  }
  if (field.kind === "bool")
    return h("input", { ...common, type: "checkbox", class: "switch", role: "switch", checked: value ?? field.default, onchange: (e) => changed(e.target.checked) });
  if (field.kind === "lines")
    return h("textarea", { ...common, rows: 3, value: (value ?? field.default ?? []).join("\n"),
      oninput: (e) => changed(e.target.value.split("\n").map((line) => line.trim()).filter(Boolean)) });
  if (field.kind === "numbers")
    return h("input", { ...common, type: "text", value: (value ?? field.default ?? []).join(" "), placeholder: "100 200",
      oninput: (e) => changed(e.target.value.trim() ? e.target.value.trim().split(/[ ,]+/).map(Number) : null) });
  if (isSlider(field, value)) return slider(field, value ?? field.default, common, changed);
  const isNumber = field.kind === "int" || field.kind === "float";
  return h("input", { ...common, type: isNumber ? "number" : "text", ...(isNumber ? bounds(field) : {}), value: value ?? field.default ?? "",
    placeholder: field.optional ? "automatic" : "",
    oninput: (e) => changed(e.target.value === "" ? null : isNumber ? Number(e.target.value) : e.target.value) });
}

// Fractions between two ends that are near are slid; where nothing stands, "automatic" must be possible.
const NEAR = 10;
const ends = (field) => [field.min ?? field.above, field.max ?? field.below];
function isSlider(field, value) {
  const [low, high] = ends(field);
  return field.kind === "float" && low !== undefined && high !== undefined && high - low <= NEAR && (value ?? field.default) !== null;
}

function slider(field, value, common, changed) {
  const [low, high] = ends(field);
  const step = 0.05;
  const shown = h("output", {}, Number(value).toFixed(2));
  const input = h("input", { ...common, type: "range", min: field.min ?? low + step, max: field.max ?? high - step, step, value,
    oninput: (e) => { shown.textContent = Number(e.target.value).toFixed(2); changed(Number(e.target.value)); } });
  return h("div", { class: "field-slider" }, input, shown);
}

const same = (a, b) => JSON.stringify(a ?? null) === JSON.stringify(b ?? null);

// `titles` name fields for people; `beside` returns what stands beside a field's name.
export function fieldRow(field, values, { onChange, titles = {}, beside = () => null }) {
  const row = h("div", { class: `field kind-${field.kind}` });
  const changed = (value) => {
    if (same(value, field.default)) delete values[field.name];
    else values[field.name] = value;
    row.classList.toggle("is-changed", field.name in values);
    onChange();
  };
  row.classList.toggle("is-changed", field.name in values);
  fill(row,
    h("div", { class: "field-head" }, h("label", { htmlFor: `option-${field.name}` }, titles[field.name] || label(field.name)), beside(field)),
    control(field, values[field.name], changed),
    h("p", { class: "help", id: `help-${field.name}` }, field.help),
  );
  return row;
}

// All fields but `hidden`, those that people use first in the open, the others by group behind "more".
export function formOf(fields, values, { hidden = [], first = [], onChange = () => {}, ...shown } = {}) {
  const kept = fields.filter((field) => !hidden.includes(field.name));
  const isFirst = (field) => first.includes(field.name);
  const groups = [...new Set(kept.map((field) => field.group))];
  const rows = (some) => h("div", { class: "fields" }, some.map((field) => fieldRow(field, values, { onChange, ...shown })));
  return h("div", { class: "form" },
    rows(first.map((name) => kept.find((field) => field.name === name)).filter(Boolean)),
    h("details", { class: "more" }, h("summary", {}, "More settings"),
      groups.map((group) => {
        const some = kept.filter((field) => field.group === group && !isFirst(field));
        return some.length > 0 && h("section", {}, h("h4", {}, label(group)), rows(some));
      })));
}
