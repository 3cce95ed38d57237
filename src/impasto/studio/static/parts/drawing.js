// One drawing: its pictures as they come out of the noise, then for good.
import { button, fill, h, iconButton } from "../dom.js";
import { post, remove, url } from "../api.js";
import { facts } from "../store.js";
import { complain, copied, undoable } from "../toast.js";
import { openPicture } from "./picture.js";

const count = (job) => {
  const prompts = Array.isArray(job.form.prompt) ? job.form.prompt.length : 1;
  return prompts * (job.form.num_images || 1);
};

// A strip of small pictures side by side, one of which fills the cell.
function preview(job, index) {
  const first = job.pictures.length;
  const inBatch = Math.min(job.form.batch || 4, count(job) - first);
  const place = index - first;
  if (!job.preview || place < 0 || place >= inBatch) return null;
  const left = inBatch > 1 ? (100 * place) / (inBatch - 1) : 0;
  return h("div", { class: "emerging", style: {
    backgroundImage: `url(${url("jobs", job.id, "preview")}?${job.preview[0]})`,
    backgroundSize: `${inBatch * 100}% 100%`, backgroundPosition: `${left}% 0`,
    filter: `blur(${Math.max(0.5, 5 * (1 - job.preview[0] / job.preview[1]))}px)` } });
}

export function cell(job, index) {
  const name = job.pictures[index];
  if (name) {
    const about = `${job.title}, picture ${index + 1}`;
    return h("button", { type: "button", class: "picture", onclick: () => openPicture(job, index), "aria-label": `${about}: open` },
      h("img", { src: url("jobs", job.id, "pictures", name), alt: about, loading: "lazy", decoding: "async" }));
  }
  return h("div", { class: "picture is-empty" }, preview(job, index));
}

const WAITS = () => (facts.ready ? "Waiting for its turn" : "Opening the base, which takes a moment once");

function note(job) {
  if (job.state === "failed") return h("p", { class: "bad", role: "alert" }, job.message);
  if (job.state === "waiting") return h("p", { class: "quiet" }, WAITS());
  if (job.state === "cancelled") return h("p", { class: "quiet" }, "Cancelled");
  return null;
}

// `node` is kept and brought up to date, so that nothing flickers.
export class Drawing {
  constructor(job, again) {
    this.again = again;
    this.cells = h("div", { class: "cells" });
    this.head = h("header", { class: "drawing-head" });
    this.node = h("article", { class: "drawing", "aria-label": job.title });
    this.node.append(this.head, this.cells);
    this.update(job);
  }

  update(job) {
    this.job = job;
    const total = job.state === "failed" || job.state === "cancelled" ? job.pictures.length : Math.max(count(job), job.pictures.length);
    while (this.cells.children.length > total) this.cells.lastChild.remove();
    for (let index = 0; index < total; index += 1) {
      const key = `${job.id} ${job.pictures[index] || (job.preview ? job.preview[0] : "")}`;
      const there = this.cells.children[index];
      if (there?.dataset.key === key) continue;
      const made = cell(job, index);
      made.dataset.key = key;
      if (there) there.replaceWith(made);
      else this.cells.append(made);
    }
    this.cells.style.setProperty("--count", Math.min(total, 4));
    const isOver = !["waiting", "running", "stopping"].includes(job.state);
    if (this.shown === `${job.state}${facts.ready}${job.step}`) return;
    this.shown = `${job.state}${facts.ready}${job.step}`;
    const styles = [job.form.style, job.form.content].flat().filter(Boolean).map((each) => each.replace(".safetensors", "").replace(/:1$/, "").replace(":", " at "));
    fill(this.head,
      h("div", {}, h("h3", {}, job.title), styles.length > 0 && h("p", { class: "quiet" }, styles.join(" · ")), note(job)),
      h("div", { class: "drawing-tools" },
        !isOver && button("Cancel", () => post(`/jobs/${job.id}/cancel`).catch(complain), { kind: "plain" }),
        job.state === "failed" && button("Try again", () => post(`/jobs/${job.id}/go-on`).catch(complain), { kind: "plain" }),
        isOver && this.again && button("Again", () => this.again(job), { kind: "plain", icon: "again" }),
        iconButton("Copy as command line", "copy", () => copied(job.command, "Command line")),
        isOver && iconButton("Delete this drawing", "trash", () => remove(`/jobs/${job.id}`).then((told) => undoable("Drawing deleted", told.undo)).catch(complain))));
  }
}

// The drawings of some kinds, the newest first; returns what to call when something changed.
export function drawings(box, keep, again) {
  const shown = new Map();
  return (list) => {
    const wanted = list.filter(keep);
    const names = new Set(wanted.map((job) => job.id));
    for (const [id, drawing] of shown) if (!names.has(id)) { drawing.node.remove(); shown.delete(id); }
    wanted.forEach((job, index) => {
      const there = shown.get(job.id);
      if (there) there.update(job);
      else shown.set(job.id, new Drawing(job, again));
      const node = shown.get(job.id).node;
      if (box.children[index] !== node) box.insertBefore(node, box.children[index] || null);
    });
    return wanted.length;
  };
}
