// What goes on, in a line at the edge of every screen.
import { fill, h } from "../dom.js";
import { isActive, onChange, sorted } from "../store.js";

export const STATES = {
  waiting: "Waiting",
  running: "Running",
  stopping: "Stopping after this step",
  paused: "Paused",
  done: "Done",
  kept: "Stopped and kept",
  failed: "Failed",
  cancelled: "Cancelled",
};

export const meter = (job) =>
  h("progress", { max: job.steps || 1, value: job.step, "aria-label": `${job.title}: step ${job.step} of ${job.steps}`, class: "meter" });

export const progressText = (job) => {
  if (job.state === "running" && job.steps) return [`${Math.round((100 * job.step) / job.steps)} %`, job.left && `${job.left} left`].filter(Boolean).join(", ");
  if (job.state === "running") return job.doing || "Getting ready";
  return STATES[job.state];
};

export function queueBadge() {
  const box = h("div", { class: "badge-box" });
  const show = () => {
    const long = sorted((job) => ["train", "compare"].includes(job.kind) && (isActive(job) || job.state === "paused")).reverse();
    const now = long.find((job) => job.state !== "waiting") || long[0];
    fill(
      box,
      now &&
        h("a", { class: "badge", href: now.kind === "train" ? `#/teach/${now.id}` : `#/compare/${now.id}` },
          h("strong", {}, now.title), meter(now), h("span", {}, progressText(now)),
          long.length > 1 && h("span", { class: "quiet" }, `and ${long.length - 1} more`)),
      h("a", { class: "rail-link small", href: "#/queue" }, "All jobs"),
    );
  };
  onChange(show);
  show();
  return box;
}
