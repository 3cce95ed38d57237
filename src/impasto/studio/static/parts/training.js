// A training: large samples over steps beside the untrained model's, what goes on, and what can be asked of it.
import { button, fill, h } from "../dom.js";
import { get, post, remove, url } from "../api.js";
import { draft, facts, isActive, jobs, keepDraft, onChange, refreshStyles } from "../store.js";
import { complain, copied, toast, undoable } from "../toast.js";
import { newChip } from "./chips.js";
import { curve } from "./curve.js";
import { openExport } from "./export.js";
import { meter, progressText, STATES } from "./queue.js";

const sample = (job, step) => url("jobs", job.id, "samples", step);
const shortened = (prompt) => prompt.replace(/ on an? .* background$/, "");

// The strips of two steps, one above the other, with a slider over the steps.
function filmstrip() {
  const before = h("img", { class: "strip", alt: "Samples of the untrained model" });
  const now = h("img", { class: "strip", alt: "Samples of the chosen step" });
  const slider = h("input", { type: "range", min: 0, step: 1, "aria-label": "Step of the samples" });
  const words = h("output", { class: "step-name" });
  const ticks = h("div", { class: "ticks" });
  const captions = h("div", { class: "strip-captions" });
  const above = h("span", {});
  const pin = h("button", { type: "button", class: "link small" });
  const node = h("div", { class: "film" }, h("div", { class: "film-label" }, above), before, h("div", { class: "film-label film-chosen" }, words, pin), now, captions, h("div", { class: "film-slider" }, slider, ticks));
  let chosen = null;
  let pinned = 0;
  const show = (job) => {
    const steps = job.samples;
    node.hidden = steps.length === 0;
    if (!steps.length) return;
    const at = chosen === null || !steps.includes(chosen) ? steps.length - 1 : steps.indexOf(chosen);
    slider.max = steps.length - 1;
    slider.value = at;
    slider.disabled = steps.length < 2;
    slider.setAttribute("aria-valuetext", `step ${steps[at]}`);
    words.textContent = steps[at] ? `Step ${steps[at]}` : "Not trained yet";
    if (before.dataset.step !== String(pinned)) { before.src = sample(job, pinned); before.dataset.step = pinned; }
    above.textContent = pinned ? `Step ${pinned}, pinned` : "Untrained";
    before.alt = pinned ? `Samples of step ${pinned}` : "Samples of the untrained model";
    pin.hidden = !steps[at] && !pinned;
    pin.textContent = pinned && pinned === steps[at] ? "Take the pin out" : "Pin it above";
    pin.onclick = () => { pinned = pinned === steps[at] ? 0 : steps[at]; show(job); };
    if (now.dataset.step !== String(steps[at])) { now.src = sample(job, steps[at]); now.dataset.step = steps[at]; }
    now.alt = `Samples of step ${steps[at]}`;
    before.hidden = before.previousSibling.hidden = steps.length < 2;
    fill(ticks, steps.map((step) => h("span", {}, String(step))));
    const prompts = job.form.sample_prompts || promptsOf(job);
    fill(captions, prompts.map((prompt) => h("span", {}, shortened(prompt))));
  };
  slider.addEventListener("input", () => {
    const job = slider.job;
    chosen = Number(slider.value) === job.samples.length - 1 ? null : job.samples[slider.value];
    show(job);
  });
  return { node, update: (job) => { slider.job = job; show(job); }, chosen: () => chosen, onChoose: (run) => slider.addEventListener("input", run) };
}

const promptsOf = (job) => [...job.command.matchAll(/--sample-prompts ('(?:[^']*)'|\S+)/g)].map(([, given]) => given.replace(/^'|'$/g, ""));

function ask(job, action, body) {
  return post(`/jobs/${job.id}/${action}`, body).then((told) => {
    if (told.note) toast(`Now: ${told.note}`, { seconds: 12 });
    if (told.id !== job.id) location.hash = `#/teach/${told.id}`;
  }).catch(complain);
}

async function drawNow(job) {
  const name = job.state === "running" ? await keptStep(job, job.kept.at(-1)) : job.saved;
  if (!name) return;
  const wanted = draft("draw", { prompt: "", chips: [], seed: 0, count: 4, isLocked: false, more: {} });
  const style = facts.styles.find((each) => each.name === name) || { name, roles: [] };
  keepDraft("draw", { ...wanted, chips: [newChip(style)] });
  location.hash = "#/draw";
}

function again(job) {
  const { method, title, style_images: set, aux_images: auxSet, aux, base, concepts_csv: _, ...more } = job.form;
  const kind = aux === "generate" || aux === "none" ? aux : auxSet && !auxSet.startsWith("pack:") ? "own" : auxSet ? "shipped" : "none";
  keepDraft("teach", { method, title, set, aux: kind, auxSet: kind === "own" ? auxSet : "", base: base || "pocket", more });
  location.hash = "#/teach";
}

function moreSteps(job) {
  const steps = h("input", { type: "number", min: job.steps + 1, value: job.steps * 2, "aria-label": "Steps in all" });
  return h("form", { class: "row", onsubmit: (e) => { e.preventDefault(); ask(job, "more", { steps: Number(steps.value) }); } }, h("span", {}, "More steps:"), steps, button("Go on to that", null, { type: "submit" }));
}

const keptStep = (job, step) => post(`/styles/${encodeURIComponent(job.out)}/steps/${step}`).then(async (told) => { await refreshStyles(); toast(`Step ${step} is a style of its own: ${told.name}`); return told.name; }).catch(complain);

// Whether the training works, in a sentence or two.
function verdict(job) {
  const { verdict: found, measured } = job;
  const said = [];
  if (found.moved !== undefined) said.push(found.moved > 0 ? `${Math.round(100 * found.moved)} % of the way from the base to your pictures.` : "It has not come nearer to your pictures than the base is.");
  if (found.kept !== null && found.kept !== undefined) said.push(`${found.kept} of ${found.asked} samples still show what they were asked for; ${found.kept_before} before.`);
  if (measured.length) {
    const trained = measured.filter(([step]) => step > 0);
    const nearest = trained.reduce((best, each) => (each[1] < best[1] ? each : best), trained[0] || measured[0]);
    said.push(`Nearest to the held-out pictures: step ${nearest[0]}.`);
  }
  return [said.length > 0 && h("p", { class: "verdict" }, said.join(" ")), measured.length > 2 && curve(measured, { height: 90 })];
}

// Where words are being lost: since when, and which step to keep.
function warning(job) {
  const { words_lost_since: lost, worse_since: worse, best } = job.verdict;
  if (!lost && !worse) return null;
  const isOn = isActive(job) || job.state === "paused";
  const what = lost ? `Words ${isOn ? "are being" : "were"} lost from step ${lost} on.` : `The samples ${isOn ? "are getting" : "got"} worse from step ${worse} on.`;
  const isKept = best && job.kept.includes(best);
  const then = best ? (isKept ? "" : ` Step ${best} was the best.`) : " Teach it more gently: fewer steps, a lower learning rate, or captions for the pictures.";
  return h("div", { class: "warning" }, h("p", {}, what, then), isKept && button(`Keep step ${best}`, () => keptStep(job, best), { icon: "check" }));
}

function tools(job) {
  const is = (...states) => states.includes(job.state);
  return [
    is("running") && job.kept.length > 0 && button("Draw now", () => drawNow(job), { kind: "accent", icon: "draw", title: `With step ${job.kept.at(-1)}, which becomes a style of its own; learning goes on` }),
    is("running") && button("Pause", () => ask(job, "pause"), { icon: "pause" }),
    is("running", "paused") && button("Stop and keep", () => ask(job, "keep"), { icon: "stop" }),
    is("waiting") && button("Take off the queue", () => ask(job, "cancel"), {}),
    is("paused", "failed", "kept", "cancelled") && button(is("paused") ? "Go on" : "Go on from where it was", () => ask(job, "go-on"), { icon: "play", kind: is("paused") ? "accent" : "" }),
    job.saved && !is("running") && button("Draw with it", () => drawNow(job), { kind: is("paused") ? "" : "accent", icon: "draw" }),
    job.saved && !is("running") && button("Take it home", () => openExport(facts.styles.find((style) => style.name === job.saved) || { name: job.saved, title: job.title }), { icon: "download" }),
    is("done", "kept", "failed", "cancelled", "paused") && button("Change and try again", () => again(job), { icon: "again" }),
    button("Copy as command line", () => copied(job.command, "Command line"), { icon: "copy", kind: "plain" }),
    is("done", "kept", "failed", "cancelled", "paused") && button("Delete", () => remove(`/jobs/${job.id}`).then((told) => { undoable("Training deleted; its style stays", told.undo); location.hash = "#/queue"; }).catch(complain), { icon: "trash", kind: "plain" }),
  ];
}

export function openTraining(screen, id) {
  const film = filmstrip();
  const head = h("header", { class: "screen-head" });
  const actions = h("div", { class: "row actions" });
  const more = h("div", {});
  const said = h("div", {});
  const warned = h("div", { role: "status" });
  const keeper = h("div", { class: "row" });
  const showKeeper = () => {
    const job = jobs.get(id);
    const step = film.chosen();
    fill(keeper, job && step !== null && job.kept.includes(step) && button(`Keep step ${step}`, () => keptStep(job, step), { icon: "check" }));
  };
  film.onChoose(showKeeper);
  const graph = h("details", { class: "more loss" }, h("summary", {}, "Loss"), h("p", { class: "help" }, "It says little about how the pictures look; look at the samples instead."));
  const notes = h("ul", { class: "notes" });
  const plan = h("dl", { class: "plan-rows" });
  let state = "";
  graph.addEventListener("toggle", () => graph.open && drawCurve());
  const drawCurve = () => get(`/jobs/${id}/losses`).then((points) => { graph.querySelector("svg")?.remove(); if (points.length > 1) graph.append(curve(points)); }).catch(complain);

  const show = () => {
    const job = jobs.get(id);
    if (!job) { fill(screen, h("p", { class: "empty" }, "This training is no longer there.")); return; }
    if (!head.isConnected) fill(screen, head, warned, film.node, keeper, said, actions, more, notes, h("details", { class: "more" }, h("summary", {}, "Plan"), plan), graph);
    fill(head, h("p", { class: "eyebrow" }, STATES[job.state]), h("h1", {}, job.title),
      h("p", { class: job.state === "failed" ? "lead bad" : "lead" }, job.message || (job.state === "running" ? progressText(job) : job.steps ? `${job.step} of ${job.steps} steps` : job.state === "waiting" ? "Begins when it is its turn" : "")), job.steps > 0 && meter(job));
    film.update(job);
    showKeeper();
    const judged = JSON.stringify([job.verdict, job.measured, job.state, job.kept]);
    if (said.dataset.of !== judged) { said.dataset.of = judged; fill(warned, warning(job)); fill(said, verdict(job)); }
    const told = `${job.state}${job.saved}${job.kept.at(-1)}`;
    if (state !== told) {
      state = told;
      fill(actions, tools(job));
      fill(more, ["done", "kept"].includes(job.state) && moreSteps(job));
    }
    fill(notes, job.notes.map((note) => h("li", {}, note)));
    fill(plan, job.plan.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
    if (graph.open && job.step % 10 === 0) drawCurve();
  };
  show();
  return onChange((changed) => (changed.length === 0 || changed.some((job) => job.id === id)) && show());
}
