// All jobs: what runs, what waits for tonight, what was done.
import { button, fill, h, iconButton } from "../dom.js";
import { post, remove } from "../api.js";
import { onChange, sorted } from "../store.js";
import { complain, undoable } from "../toast.js";
import { meter, progressText, STATES } from "../parts/queue.js";

const KINDS = { train: "Teaching", compare: "Comparison", generate: "Drawing", stylize: "Restyling", mix: "Mix", transfer: "Reference" };
const isLong = (job) => job.kind === "train" || job.kind === "compare";

function row(job) {
  const isOver = !["waiting", "running", "stopping"].includes(job.state);
  return h("li", { class: `job state-${job.state}` },
    h("div", {}, h("strong", {}, isLong(job) ? h("a", { href: job.kind === "train" ? `#/teach/${job.id}` : `#/compare/${job.id}` }, job.title) : job.title),
      h("span", { class: "quiet" }, `${KINDS[job.kind] || job.kind} · ${new Date(job.created).toLocaleString()}`)),
    h("div", { class: "job-state" }, job.state === "running" && isLong(job) && meter(job), h("span", {}, job.state === "running" ? progressText(job) : STATES[job.state]), job.message && h("span", { class: "bad" }, job.message)),
    h("div", { class: "job-tools" },
      job.state === "waiting" && button("Take off", () => post(`/jobs/${job.id}/cancel`).catch(complain), { kind: "plain" }),
      job.state === "paused" && button("Go on", () => post(`/jobs/${job.id}/go-on`).catch(complain), { kind: "plain", icon: "play" }),
      job.state === "failed" && button("Try again", () => post(`/jobs/${job.id}/go-on`).catch(complain), { kind: "plain", icon: "again" }),
      isOver && iconButton(`Delete ${job.title}`, "trash", () => remove(`/jobs/${job.id}`).then((told) => undoable("Job deleted; its style stays", told.undo)).catch(complain))));
}

export async function open(screen) {
  const list = h("ul", { class: "jobs" });
  const show = () => {
    if (list.contains(document.activeElement)) return;
    const all = sorted(() => true);
    fill(list, all.length ? all.slice(0, 120).map(row) : h("li", { class: "empty" }, "Nothing was asked for yet."));
  };
  fill(screen, h("header", { class: "screen-head" }, h("h1", {}, "All jobs"), h("p", { class: "lead" }, "One training computes at a time; line up as many as you like for the night. Drawing jumps ahead. Close the page or the studio: everything goes on from where it was.")), list);
  show();
  return onChange(show);
}
