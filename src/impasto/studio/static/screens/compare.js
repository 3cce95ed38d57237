// Compare: methods side by side, strengths side by side, and the way to the blind judgement.
import { button, fill, h } from "../dom.js";
import { get, post, url } from "../api.js";
import { draft, facts, jobs, keepDraft, onChange, sorted } from "../store.js";
import { complain } from "../toast.js";
import { meter, progressText, STATES } from "../parts/queue.js";
import { drawAll, found, request, small, STRENGTHS } from "../parts/strengths.js";
import { methodSheets } from "../parts/sheets.js";
import { resultTable } from "../parts/table.js";

function strengthSheet() {
  const wanted = draft("sheet", { prompt: "a fox on a green background", seed: 7 });
  const box = h("div", {});
  const prompt = h("input", { type: "text", class: "prompt", value: wanted.prompt, "aria-label": "What to draw", oninput: (e) => { wanted.prompt = e.target.value; keepDraft("sheet", wanted); show(); } });
  const styles = () => facts.styles.slice(0, 6);
  const draw = () => drawAll(styles(), wanted.prompt.trim(), wanted.seed);
  const show = () => fill(box, styles().length ? h("div", { class: "matrix is-named", style: { "--columns": STRENGTHS.length } }, h("span", {}), STRENGTHS.map((scale) => h("strong", {}, String(scale))),
    styles().map((style) => [h("strong", {}, style.title), STRENGTHS.map((scale) => small(found(request(style, scale, wanted.prompt.trim(), wanted.seed)), `${style.title} at ${scale}`))])) : h("p", { class: "quiet" }, "Teach a style first."));
  show();
  return { node: h("div", { class: "stack" }, prompt, box, h("div", {}, button("Draw the sheet", draw))), show };
}

function chooser() {
  const wanted = draft("compare", { methods: ["styleforge", "lora"], packs: ["openmoji"], steps: "", prompts: 20 });
  const toggle = (list, value) => (e) => { if (e.target.checked) list.push(value); else list.splice(list.indexOf(value), 1); keepDraft("compare", wanted); };
  const boxes = (title, list, choices) => h("fieldset", { class: "aux" }, h("legend", {}, title), h("div", { class: "radios" }, choices.map(([value, label, about]) => h("label", { class: "radio" }, h("input", { type: "checkbox", checked: list.includes(value), onchange: toggle(list, value) }), h("span", {}, h("strong", {}, label), about && h("span", { class: "quiet" }, about))))));
  const number = (name, label, help) => h("div", { class: "field" }, h("label", { htmlFor: `compare-${name}` }, label), h("input", { type: "number", id: `compare-${name}`, min: 1, value: wanted[name], placeholder: "as shipped", oninput: (e) => { wanted[name] = e.target.value; keepDraft("compare", wanted); } }), h("p", { class: "help" }, help));
  const begin = async () => {
    const made = await post("/compare", { methods: wanted.methods, packs: wanted.packs, steps: wanted.steps ? Number(wanted.steps) : null, prompts: Number(wanted.prompts) || 20 }).catch(complain);
    if (made) location.hash = `#/compare/${made.id}`;
  };
  return h("div", { class: "step-body" },
    boxes("Methods", wanted.methods, facts.start.methods.map((method) => [method.name, method.title, method.paper])),
    boxes("Styles", wanted.packs, facts.start.packs.map((pack) => [pack.name, pack.title, "with drawings that no training sees"])),
    h("div", { class: "fields" }, number("steps", "Steps", "Of every method; left empty, each takes its own."), number("prompts", "Prompts", "How many pictures of each method are drawn and measured.")),
    h("div", {}, button("Begin", begin, { kind: "accent large" })));
}

function openComparison(screen, id) {
  const table = h("div", {});
  const sheets = h("div", {});
  const head = h("header", { class: "screen-head" });
  const actions = h("div", { class: "row actions" });
  let last = "";
  let drawn = "";
  const showSheets = () => get(`/comparisons/${id}/sheet`).then((found) => {
    if (drawn === JSON.stringify(found)) return;
    drawn = JSON.stringify(found);
    const isOpen = Boolean(sheets.querySelector("details")?.open);
    fill(sheets, methodSheets(id, found));
    sheets.querySelector("details").open = isOpen;
  }).catch(() => fill(sheets));
  const show = () => {
    const job = jobs.get(id);
    if (!job) return fill(screen, h("p", { class: "empty" }, "This comparison is no longer there."));
    fill(head, h("p", { class: "eyebrow" }, STATES[job.state]), h("h1", {}, job.title), h("p", { class: job.state === "failed" ? "lead bad" : "lead" }, job.message || (job.state === "running" ? progressText(job) : "")), job.steps > 0 && meter(job));
    fill(actions, job.state === "done" && h("a", { class: "button accent", href: `#/judge/${id}` }, "Judge blind"), h("a", { class: "button", href: url("comparisons", id, "report"), target: "_blank", rel: "noopener" }, "Open the report"), job.state === "waiting" && button("Take off the queue", () => post(`/jobs/${id}/cancel`).catch(complain)));
    if (last !== `${job.state}${job.step}`) { last = `${job.state}${job.step}`; get(`/comparisons/${id}/table`).then((found) => fill(table, resultTable(found))).catch(() => fill(table)); showSheets(); }
    if (!head.isConnected) fill(screen, head, actions, table, sheets);
  };
  show();
  return onChange((changed) => changed.some((job) => job.id === id) && show());
}

export async function open(screen, [id]) {
  if (id) return openComparison(screen, id);
  const sheet = strengthSheet();
  const list = h("ul", { class: "jobs" });
  const show = () => {
    sheet.show();
    fill(list, sorted((job) => job.kind === "compare").map((job) => h("li", { class: "job" }, h("div", {}, h("strong", {}, h("a", { href: `#/compare/${job.id}` }, job.title))), h("div", { class: "job-state" }, progressText(job)), h("span", {}))));
  };
  fill(screen,
    h("header", { class: "screen-head" }, h("h1", {}, "Compare"), h("p", { class: "lead" }, "Side by side at the same seed; in numbers; and by eye, without knowing who drew what.")),
    h("section", { class: "step" }, h("h2", {}, "Strength × style"), sheet.node),
    h("section", { class: "step" }, h("h2", {}, "Methods"), h("div", { class: "step-body" }, list, h("details", { class: "more" }, h("summary", {}, "New comparison"), chooser()))));
  show();
  return onChange(show);
}
