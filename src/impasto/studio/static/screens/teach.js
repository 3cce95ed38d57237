// Teach: pictures, what they are for, the plan; then the training itself.
import { button, debounced, fill, h } from "../dom.js";
import { get, post } from "../api.js";
import { draft, facts, keepDraft } from "../store.js";
import { capital, complain } from "../toast.js";
import { baseChooser } from "../parts/bases.js";
import { dropzone } from "../parts/dropzone.js";
import { formOf } from "../parts/form.js";
import { newSet, pictureSet, thumbnail, uploaded } from "../parts/pictures.js";
import { openTraining } from "../parts/training.js";

const PLACED = ["style_images", "aux_images", "aux", "base", "concepts_csv", "attach", "cache"];
const FIRST = ["steps", "hold_out", "sample_prompts"];
const AUX = {
  shipped: ["Shipped ones", "Drawings by other hands: they show what is not the style."],
  generate: ["Drawn by the base", "It draws twenty pictures of its own first, which takes a moment."],
  own: ["My own", "About twenty pictures of the same kinds of things, in another style."],
  none: ["None", "Quicker, and the style spreads to what the words do not ask for."],
};

export async function open(screen, [job]) {
  if (job) return openTraining(screen, job);
  const wanted = draft("teach", { set: "", aux: "shipped", auxSet: "", method: "styleforge", title: "", more: {}, base: facts.start.base });
  const keep = debounced(() => keepDraft("teach", wanted), 200);
  const sections = { plan: h("div", { class: "plan" }), form: h("div", {}), aux: h("div", {}) };
  const method = () => facts.start.methods.find((each) => each.name === wanted.method);
  const divides = () => method().divides;
  let count = 0;

  const settings = () => {
    const chosen = { ...wanted.more, style_images: wanted.set, base: wanted.base };
    if (divides() && wanted.set && !wanted.set.startsWith("pack:")) chosen.concepts_csv = wanted.set;
    if (!method().aux || wanted.aux === "none") return method().aux ? { ...chosen, aux: "none" } : chosen;
    if (wanted.aux === "generate") return { ...chosen, aux: "generate" };
    return { ...chosen, aux_images: wanted.aux === "own" ? wanted.auxSet : packOf(wanted.set) };
  };
  const asked = () => ({ method: wanted.method, title: wanted.title, settings: settings() });
  const changed = () => { keep(); plan.forget(); };
  const plan = planner(sections.plan, asked, () => count > 0);

  // 1: pictures
  const style = pictureSet((list) => { count = list.length; advice.textContent = adviceOn(method(), count); plan.forget(); }, () => wanted.base, divides);
  const advice = h("p", { class: "quiet" });
  const choose = (set) => { wanted.set = set; changed(); style.load(set); showSources(); };
  const zone = dropzone("Drop pictures here, or choose them", async (files) => {
    if (!wanted.set || wanted.set.startsWith("pack:")) wanted.set = `${(await newSet(wanted.title || "My pictures")).name}`;
    await uploaded(wanted.set, files, zone.tell);
    choose(wanted.set);
  });
  const sources = h("div", { class: "sources" });
  const showSources = async () => {
    const own = await get("/sets").catch(() => []);
    const source = (name, title, about) => {
      const mosaic = h("div", { class: "mosaic" });
      get(`/sets/${name}/pictures`).then((list) => fill(mosaic, list.slice(0, 4).map((each) => h("img", { src: thumbnail(name, each.name, 96), alt: "" })))).catch(() => {});
      return h("button", { type: "button", class: "source", "aria-pressed": String(wanted.set === name), onclick: () => choose(name) }, mosaic, h("span", {}, h("strong", {}, title), h("span", { class: "quiet" }, about)));
    };
    fill(sources, own.map((set) => source(set.name, set.title, `${set.count} of yours`)), facts.start.packs.map((pack) => source(`pack:${pack.name}`, pack.title, `shipped, ${pack.licence}`)));
  };

  // 2: purpose
  const purposes = h("div", { class: "purposes", role: "radiogroup", "aria-label": "What to learn" });
  const showPurposes = () => {
    const others = facts.start.methods.filter((each) => !facts.start.purposes.some((purpose) => purpose.method === each.name));
    const choice = (name, title, about) => h("button", { type: "button", role: "radio", class: "purpose", "aria-checked": String(name === wanted.method), onclick: () => { const before = divides(); wanted.method = name; wanted.more = {}; changed(); showPurposes(); showForm(); if (before !== divides()) style.again(); } }, h("strong", {}, title), h("span", { class: "quiet" }, about));
    fill(purposes,
      facts.start.purposes.map((purpose) => choice(purpose.method, purpose.title, purpose.about)),
      h("details", { class: "more", open: others.some((each) => each.name === wanted.method) }, h("summary", {}, "Other methods"), h("div", { class: "purposes" }, others.map((each) => choice(each.name, each.title, `${each.paper}`)))));
    advice.textContent = adviceOn(method(), count);
    fill(sections.aux, method().aux && auxiliary(wanted, changed));
  };
  const showForm = async () => {
    const fields = await get(`/forms/train/${wanted.method}?base=${encodeURIComponent(wanted.base)}`).catch((error) => { complain(error); return []; });
    fill(sections.form, formOf(fields, wanted.more, { hidden: PLACED, first: FIRST, onChange: changed }));
  };

  const title = h("input", { type: "text", id: "style-title", maxLength: 60, value: wanted.title, placeholder: "openmoji", oninput: (e) => { wanted.title = e.target.value; keep(); } });
  const begin = async () => {
    const made = await post("/teach", asked()).catch(complain);
    if (made) { keepDraft("teach", { ...wanted, title: "" }); location.hash = `#/teach/${made.id}`; }
  };

  fill(screen,
    h("header", { class: "screen-head" }, h("h1", {}, "Teach a style"), h("p", { class: "lead" }, "From pictures that share one. Nothing leaves this machine.")),
    step("Pictures", zone, sources, style.node, advice),
    step("What to learn", purposes, sections.aux),
    step("Base", h("p", { class: "quiet" }, "What the style is learnt on: a model that can draw already."), baseChooser(wanted.base, (name) => { wanted.base = name; changed(); showForm(); style.again(); })),
    step("Details", h("div", { class: "fields" },
      h("div", { class: "field" }, h("label", { htmlFor: "style-title" }, "What to call it"), title, h("p", { class: "help" }, "The name of the style file."))), sections.form),
    step("Plan", sections.plan, h("div", { class: "row actions" }, button("What will it take?", () => plan.make(), { kind: "" }), button("Begin", begin, { kind: "accent large" }))));
  showSources();
  showPurposes();
  showForm();
  style.load(wanted.set);
}

const packOf = (set) => (set.startsWith("pack:") ? set.split("/")[0] : "pack:openmoji");
const step = (title, ...inside) => h("section", { class: "step" }, h("h2", {}, title), h("div", { class: "step-body" }, inside));

function adviceOn(method, count) {
  const [fewest, most] = method.pictures;
  if (!count) return "";
  if (count < fewest) return `The paper learns from ${fewest === most ? fewest : `${fewest} to ${most}`}: with ${count}, expect copies of these pictures more than their style.`;
  if (count > 2 * most) return `${count} pictures are more than the paper's ${most}; give it more steps.`;
  return "That is a good number.";
}

function auxiliary(wanted, changed) {
  const own = pictureSet(() => {}, () => wanted.base);
  const zone = dropzone("Drop pictures in another style", async (files) => {
    if (!wanted.auxSet) wanted.auxSet = (await newSet("Auxiliary pictures")).name;
    await uploaded(wanted.auxSet, files, zone.tell);
    own.load(wanted.auxSet);
    changed();
  });
  const box = h("div", {}, zone, own.node);
  const radios = Object.entries(AUX).map(([name, [title, about]]) => h("label", { class: "radio" }, h("input", { type: "radio", name: "aux", value: name, checked: wanted.aux === name, onchange: () => { wanted.aux = name; box.hidden = name !== "own"; changed(); } }), h("span", {}, h("strong", {}, title), h("span", { class: "quiet" }, about))));
  box.hidden = wanted.aux !== "own";
  if (wanted.auxSet) own.load(wanted.auxSet);
  return h("fieldset", { class: "aux" }, h("legend", {}, "Auxiliary pictures"), h("p", { class: "quiet" }, "Pictures that are not in the style teach the base what to leave as it is."), h("div", { class: "radios" }, radios), box);
}

const PLAIN = { time: "Takes", memory: "Memory", learns: "Learns", "style pictures": "Shown", "aux pictures": "Beside", steps: "Steps", writes: "Writes" };

function planner(box, asked, isReady) {
  return {
    forget: () => fill(box),
    async make() {
      if (!isReady()) return complain(new Error("choose pictures first"));
      fill(box, h("p", { class: "quiet" }, "Measuring one step…"));
      const made = await post("/plan", asked()).catch((error) => { fill(box, h("p", { class: "bad", role: "alert" }, capital(error.message))); });
      if (!made) return null;
      const rows = Object.fromEntries(made.plan);
      return fill(box,
        h("dl", { class: "plan-rows" }, Object.keys(PLAIN).filter((name) => rows[name]).map((name) => [h("dt", {}, PLAIN[name]), h("dd", {}, name === "writes" ? rows[name].split("/").pop() : rows[name])])),
        made.notes.length > 0 && h("ul", { class: "notes" }, made.notes.map((note) => h("li", {}, capital(note)))));
    },
  };
}
