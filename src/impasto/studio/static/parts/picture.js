// One picture, large, with its recipe and what can be done with it.
import { button, fill, h, iconButton } from "../dom.js";
import { get, url } from "../api.js";
import { complain, copied } from "../toast.js";
import { keepDraft, draft } from "../store.js";

const NAMES = { prompt: "Prompt", negative_prompt: "Steering away from", seed: "Seed", styles: "Styles", base: "Base", steps: "Steps", guidance_scale: "Guidance", sampler: "Sampler", width: "Width", height: "Height", strength: "Redrawn" };

function value(name, given) {
  if (name === "styles") return given.map((style) => `${style.file || style.name || style.words || "style"} at ${style.scale}`).join(", ") || "none";
  return String(given);
}

function recipe(facts) {
  const rows = Object.keys(NAMES).filter((name) => facts[name] !== null && facts[name] !== undefined && facts[name] !== "");
  return h("dl", { class: "recipe" }, rows.map((name) => [h("dt", {}, NAMES[name]), h("dd", {}, value(name, facts[name]))]));
}

function into(screen, changes) {
  keepDraft(screen, { ...draft(screen, {}), ...changes });
  location.hash = `#/${screen}`;
}

export function openPicture(job, index) {
  const dialog = h("dialog", { class: "lightbox", "aria-label": job.title, onclose: () => dialog.remove() });
  document.body.append(dialog);
  const show = (place) => {
    const name = job.pictures[place];
    const source = url("jobs", job.id, "pictures", name);
    const named = `job:${job.id}/${name}`;
    const facts = h("div", {}, h("p", { class: "quiet" }, "…"));
    let seed = 0;
    get(`/jobs/${job.id}/recipes/${name}`).then((read) => { seed = read.seed; fill(facts, recipe(read)); }).catch(complain);
    const leave = (screen, changes) => { dialog.close(); into(screen, changes); };
    fill(dialog,
      h("img", { class: "large", src: source, alt: job.title }),
      h("aside", {},
        h("div", { class: "lightbox-head" }, h("h2", {}, job.title), iconButton("Close", "close", () => dialog.close())),
        facts,
        h("div", { class: "stack" },
          h("a", { class: "button accent", href: source, download: name }, "Download"),
          VARIED[job.kind] && button("Variations", () => { const [screen, made] = VARIED[job.kind]; leave(screen, { ...made(job), seed: seed + 1, count: 4, wantsDraw: true }); }, { icon: "again" }),
          button("Use as reference", () => leave("reference", { reference: named }), { icon: "reference" }),
          button("Restyle it", () => leave("mix", { picture: named }), { icon: "mix" }),
          button("Copy as command line", () => copied(job.command, "Command line"), { icon: "copy" })),
        job.pictures.length > 1 && h("p", { class: "quiet" }, `${place + 1} of ${job.pictures.length}: arrow keys turn`)));
    dialog.onkeydown = (event) => {
      const turn = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (turn && job.pictures[place + turn]) show(place + turn);
    };
  };
  show(index);
  dialog.showModal();
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
}

// What the drawing screen is filled with to draw the same again.
export function asDraft(job) {
  const chips = {};
  for (const given of [job.form.style ?? []].flat()) {
    const [, name, role, scale] = given.match(/^(.*?\.safetensors)(?:@([a-z]+))?(?::(.*))?$/) || [];
    if (role) (chips[name] ??= { name, scales: {} }).scales[role] = Number(scale ?? 1);
    else if (name) chips[name] = { name, scale: Number(scale ?? 1) };
  }
  const { prompt, style, seed, num_images: count, ...more } = job.form;
  return { prompt: [prompt].flat().join("\n"), chips: Object.values(chips), seed: seed ?? 0, count: count ?? 1, isLocked: true, more };
}

// What the screen for drawing in the style of a picture is filled with.
export function asReference(job) {
  const { prompt, reference, preset, num_images: count, seed, negative_style: away = "", ...more } = job.form;
  const steered = away && away !== "auto" ? { away: "own", awayPicture: away } : { away };
  return { prompt: [prompt].flat().join(", "), reference: [reference].flat()[0], preset, count, seed, more, ...steered };
}

const VARIED = { generate: ["draw", asDraft], transfer: ["reference", asReference] };
