// One style at rising strengths, from one seed: drawn once, found again afterwards.
import { button, fill, h } from "../dom.js";
import { post, url } from "../api.js";
import { facts, onChange, sorted } from "../store.js";
import { complain } from "../toast.js";

export const STRENGTHS = [0, 0.4, 0.7, 1, 1.3];
const SUBJECT = "a fox on a green background";

export const request = (style, scale, prompt = SUBJECT, seed = 7) => ({ prompt: [prompt], style: [`${style.name}:${scale}`], seed, num_images: 1 });

// The newest drawing of that, if it was asked for.
export const found = (wanted) =>
  sorted((job) => job.kind === "generate" && !["cancelled", "failed"].includes(job.state) && JSON.stringify(job.form) === JSON.stringify(wanted))[0];

export const small = (job, about) =>
  h("div", { class: `picture ${job && !job.pictures.length ? "is-empty" : ""}` }, job?.pictures.length > 0 && h("img", { src: url("jobs", job.id, "pictures", job.pictures[0]), alt: about }));

export async function drawAll(styles, prompt, seed) {
  for (const style of styles) for (const scale of STRENGTHS) {
    const wanted = request(style, scale, prompt, seed);
    if (!found(wanted)) await post("/draw", { settings: wanted }).catch(complain);
  }
}

// Returns {node, stop} with a strip of the strengths of a style.
export function strengthStrip(style) {
  const strip = h("div", { class: "matrix", style: { "--columns": STRENGTHS.length } });
  const draw = button("Draw at rising strengths", () => drawAll([style]));
  const show = () => {
    const jobs = STRENGTHS.map((scale) => found(request(style, scale)));
    draw.hidden = jobs.every(Boolean) || (facts.start.base !== style.base && Boolean(style.base));
    strip.hidden = !jobs.some(Boolean);
    fill(strip, jobs.map((job, index) => h("figure", { class: "stack" }, small(job, `${style.title} at ${STRENGTHS[index]}`), h("figcaption", { class: "quiet" }, String(STRENGTHS[index])))));
  };
  show();
  return { node: h("div", { class: "stack" }, strip, h("div", {}, draw)), stop: onChange(show) };
}
