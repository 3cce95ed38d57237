// A strip over one setting: drawings that differ in nothing else, side by side.
import { h } from "../dom.js";
import { url } from "../api.js";
import { openPicture } from "./picture.js";

const FEWEST = 3;
const without = (form, name) => JSON.stringify(Object.entries(form).filter(([each]) => each !== name));

// The strips among drawings of one picture each, the newest first: {name, jobs} with rising values.
export function stripsOf(list, names) {
  const strips = [];
  for (const name of names) {
    const groups = new Map();
    for (const job of list) {
      if (job.form.num_images !== 1 || job.form[name] === undefined || job.state === "cancelled") continue;
      const key = without(job.form, name);
      const group = groups.get(key) ?? groups.set(key, new Map()).get(key);
      if (!group.has(job.form[name])) group.set(job.form[name], job);
    }
    for (const group of groups.values())
      if (group.size >= FEWEST) strips.push({ name, jobs: [...group.values()].sort((a, b) => a.form[name] - b.form[name]) });
  }
  return strips;
}

export function stripOf({ name, jobs }, title) {
  const first = jobs[0];
  const shown = (job) => {
    const about = `${job.title}, ${title} ${job.form[name]}`;
    const picture = job.pictures.length
      ? h("button", { type: "button", class: "picture", "aria-label": `${about}: open`, onclick: () => openPicture(job, 0) }, h("img", { src: url("jobs", job.id, "pictures", job.pictures[0]), alt: about }))
      : h("div", { class: `picture ${job.state === "failed" ? "" : "is-empty"}` });
    return h("figure", { class: "stack" }, picture, h("figcaption", { class: job.state === "failed" ? "bad" : "quiet" }, job.state === "failed" ? job.message : String(job.form[name])));
  };
  return h("article", { class: "drawing", "aria-label": `${first.title}, over ${title}` },
    h("header", { class: "drawing-head" }, h("div", {}, h("h3", {}, first.title), h("p", { class: "quiet" }, `over ${title}`))),
    h("div", { class: "matrix", style: { "--columns": jobs.length } }, jobs.map(shown)));
}
