// Styles as chips, each with a slider for its strength; styles with roles have one slider for each role.
import { fill, h, iconButton } from "../dom.js";
import { url } from "../api.js";
import { facts, onChange } from "../store.js";

export const cover = (name) =>
  h("img", { class: "cover", src: url("styles", name, "thumbnail"), alt: "", loading: "lazy", onerror: (e) => e.target.replaceWith(h("span", { class: "cover letter", "aria-hidden": "true" }, name.charAt(0))) });

export const token = (chip) =>
  chip.scales
    ? Object.entries(chip.scales).filter(([, scale]) => scale > 0).map(([role, scale]) => `${chip.name}@${role}:${scale}`)
    : [`${chip.name}:${chip.scale}`];

export const newChip = (style) =>
  style.roles.length ? { name: style.name, scales: Object.fromEntries(style.roles.map((role) => [role, role === "style" ? 1 : 0])) } : { name: style.name, scale: 1 };

function slider(text, value, changed) {
  const shown = h("output", {}, value.toFixed(2));
  const input = h("input", { type: "range", min: 0, max: 1.5, step: 0.05, value, "aria-label": `${text}: strength`,
    oninput: (e) => { shown.textContent = Number(e.target.value).toFixed(2); changed(Number(e.target.value), false); },
    onchange: (e) => changed(Number(e.target.value), true) });
  return h("label", { class: "chip-slider" }, h("span", { class: "quiet" }, text), input, shown);
}

// `chips` is changed in place; `changed(isSettled)` is called after each change.
export function styleChips(chips, changed) {
  const box = h("div", { class: "chips" });
  const known = (name) => facts.styles.find((style) => style.name === name);
  const chip = (each) => {
    const style = known(each.name);
    const title = style?.title || each.name;
    const parts = each.scales
      ? Object.keys(each.scales).map((role) => slider(role, each.scales[role], (value, done) => { each.scales[role] = value; changed(done); }))
      : [slider("strength", each.scale, (value, done) => { each.scale = value; changed(done); })];
    return h("div", { class: "chip", role: "group", "aria-label": `Style ${title}` }, cover(each.name),
      h("div", { class: "chip-words" }, h("strong", {}, title), style?.words && h("span", { class: "quiet" }, style.words)),
      parts, iconButton(`Leave out ${title}`, "close", () => { chips.splice(chips.indexOf(each), 1); show(); changed(true); }));
  };
  const show = () => {
    const others = facts.styles.filter((style) => !chips.some((each) => each.name === style.name));
    const add = (e) => { const style = known(e.target.value); if (style) { chips.push(newChip(style)); show(); changed(true); } };
    fill(box, chips.map(chip),
      others.length > 0 && h("select", { class: "chip-add", "aria-label": "Add a style", onchange: add }, h("option", { value: "" }, "+ Style"), others.map((style) => h("option", { value: style.name }, style.title))),
      !facts.styles.length && h("a", { class: "chip-hint", href: "#/teach" }, "No style yet: teach one"));
  };
  const stop = onChange((changedJobs) => { if (!changedJobs.length && !box.contains(document.activeElement)) show(); });
  show();
  return { node: box, show, stop };
}
