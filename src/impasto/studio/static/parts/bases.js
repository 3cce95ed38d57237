// Bases to learn on: those of this machine, and what a name on the hub would fetch.
import { button, fill, h } from "../dom.js";
import { get } from "../api.js";
import { capital } from "../toast.js";

const FITS = { fits: "Fits this machine", tight: "Tight on this machine: look at the plan first", "too large": "Too large for this machine's memory" };

function about(base) {
  if (base.problem) return [h("span", { class: "bad" }, capital(base.problem))];
  const facts = [base.where === "hub" ? base.weights && `${base.weights} would be fetched` : base.weights, base.family.toUpperCase(), base.licence || "licence not stated"];
  const plain = base.name === "pocket" ? "Ships with impasto: small pictures, minutes on any machine." : FITS[base.fits] || "";
  return [plain && h("span", {}, plain), h("span", { class: "quiet" }, facts.filter(Boolean).join(" · "))];
}

// `chosen(name)` is called with the base that is to be learnt on.
export function baseChooser(start, chosen) {
  let known = [];
  let wanted = start;
  const list = h("div", { class: "purposes bases", role: "radiogroup", "aria-label": "Base" });
  const name = h("input", { type: "text", "aria-label": "Name on the hub", placeholder: "stabilityai/stable-diffusion-xl-base-1.0", spellcheck: false, maxLength: 200, value: "" });
  const told = h("p", { class: "help", role: "status" });
  const choose = (base) => { if (base.problem) return; wanted = base.name; show(); chosen(wanted); };
  const show = () => fill(list, known.map((base) => h("button", { type: "button", role: "radio", class: "purpose", "aria-checked": String(base.name === wanted), "aria-disabled": String(Boolean(base.problem)), onclick: () => choose(base) }, h("strong", {}, base.name), about(base))));
  const look = async () => {
    const asked = name.value.trim();
    if (!asked) return;
    told.textContent = "Asking the hub…";
    const found = await get(`/bases/${asked.split("/").map(encodeURIComponent).join("/")}`).catch((error) => ({ name: asked, problem: error.message, family: "" }));
    told.textContent = "";
    known = [...known.filter((base) => base.name !== found.name), found];
    show();
    choose(found);
  };
  name.addEventListener("keydown", (event) => { if (event.key === "Enter") { event.preventDefault(); look(); } });
  get("/bases").then((found) => { known = found; show(); if (wanted && !known.some((base) => base.name === wanted)) { name.value = wanted; look(); } }).catch((error) => { told.textContent = capital(error.message); });
  return h("div", { class: "stack" }, list,
    h("details", { class: "more" }, h("summary", {}, "Another base"),
      h("div", { class: "stack" }, h("p", { class: "help" }, "A checkpoint or diffusers folder that you put into the folder bases of the studio is listed here. A name on the hub is looked up first; it is fetched when the training begins."),
        h("div", { class: "row hub" }, name, button("Look it up", look)), told)));
}
