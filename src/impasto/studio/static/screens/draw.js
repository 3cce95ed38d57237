// Draw: words and styles at the top, pictures below.
import { button, debounced, fill, h, icon, iconButton } from "../dom.js";
import { get, post } from "../api.js";
import { draft, facts, keepDraft, onChange, sorted } from "../store.js";
import { capital, complain, copied } from "../toast.js";
import { styleChips, token } from "../parts/chips.js";
import { drawings } from "../parts/drawing.js";
import { asDraft } from "../parts/picture.js";
import { formOf } from "../parts/form.js";

const PLACED = ["prompt", "style", "seed", "num_images", "device", "precision"];
const ANY_SEED = 1e6;

export async function open(screen) {
  const wanted = draft("draw", { prompt: "", chips: [], seed: 0, count: 4, isLocked: false, more: {} });
  wanted.chips = wanted.chips.filter((chip) => facts.styles.some((style) => style.name === chip.name));
  const keep = debounced(() => keepDraft("draw", wanted), 200);
  const hint = h("p", { class: "word-hint", role: "status" });
  const offer = h("div", { class: "words" });
  const known = h("details", { class: "more", hidden: true }, h("summary", {}, "What the base knows"), offer);
  let taught = { subjects: [], backgrounds: [] };
  const check = debounced(async () => {
    const also = wanted.chips.map((chip) => facts.styles.find((style) => style.name === chip.name)?.words || "").join(" ");
    const on = wanted.more.base ? `&base=${encodeURIComponent(wanted.more.base)}` : "";
    taught = await get(`/words?prompt=${encodeURIComponent(wanted.prompt)}&also=${encodeURIComponent(also)}${on}`).catch(() => taught);
    fill(hint, unknownWords(taught), howItIsRead(taught));
    known.hidden = !taught.subjects.length;
    if (!known.hidden && !offer.children.length) fill(offer, taught.subjects.map((word) => h("button", { type: "button", class: "word", onclick: () => say(word) }, word)));
  }, 350);
  const one = (list) => list[Math.floor(Math.random() * list.length)];
  const surprise = () => taught.subjects.length && say(one(taught.subjects));
  const say = (subject) => {
    prompt.value = wanted.prompt = `${/^[aeiou]/.test(subject) ? "an" : "a"} ${subject} on a ${one(taught.backgrounds)} background`;
    grow(); keep(); check();
  };

  const prompt = h("textarea", { id: "prompt", class: "prompt", rows: 1, value: wanted.prompt, placeholder: "a fox on a green background", "aria-label": "What to draw",
    oninput: (e) => { wanted.prompt = e.target.value; grow(); keep(); check(); },
    onkeydown: (e) => { if (e.key === "Enter" && !e.shiftKey && !e.isComposing) { e.preventDefault(); draw(); } } });
  const grow = () => { prompt.style.height = "auto"; prompt.style.height = `${prompt.scrollHeight}px`; };

  const seed = h("input", { type: "number", min: 0, value: wanted.seed, "aria-label": "Seed", oninput: (e) => { wanted.seed = Number(e.target.value); lock(true); } });
  const lockButton = h("button", { type: "button", class: "icon-button", onclick: () => lock(!wanted.isLocked) });
  const lock = (isLocked) => {
    wanted.isLocked = isLocked;
    fill(lockButton, icon(isLocked ? "lock" : "unlock"));
    lockButton.setAttribute("aria-pressed", isLocked);
    lockButton.setAttribute("aria-label", "Keep the seed");
    lockButton.title = isLocked ? "The same seed every time" : "A new seed every time";
    keep();
  };
  lock(wanted.isLocked);

  const counts = h("div", { class: "segments", role: "group", "aria-label": "How many pictures" });
  const showCounts = () => fill(counts, [1, 2, 4, 8].map((count) => h("button", { type: "button", "aria-pressed": String(count === wanted.count), onclick: () => { wanted.count = count; showCounts(); keep(); } }, String(count))));
  showCounts();

  const chips = styleChips(wanted.chips, (isSettled) => { keep(); if (isSettled && wanted.isLocked && wanted.prompt.trim() && hasDrawn) draw(); });
  const more = h("div", { class: "composer-more" });
  get("/forms/generate").then((fields) => fill(more, formOf(fields, wanted.more, { hidden: PLACED, onChange: keep }))).catch(complain);

  let hasDrawn = false;
  const settings = () => ({
    ...wanted.more,
    prompt: (wanted.prompt.trim() || prompt.placeholder).split("\n").map((line) => line.trim()).filter(Boolean),
    style: wanted.chips.flatMap(token),
    seed: wanted.seed,
    num_images: wanted.count,
  });
  async function draw() {
    if (!wanted.isLocked) { wanted.seed = Math.floor(Math.random() * ANY_SEED); seed.value = wanted.seed; }
    keep();
    hasDrawn = true;
    await post("/draw", { settings: settings() }).catch(complain);
  }

  const again = (job) => {
    Object.assign(wanted, asDraft(job));
    prompt.value = wanted.prompt;
    seed.value = wanted.seed;
    lock(true);
    showCounts();
    chips.show();
    grow();
    draw();
  };
  const gallery = h("section", { class: "gallery", "aria-label": "Drawings" });
  const empty = h("div", { class: "empty" }, h("p", { class: "display" }, "Say what you want to see."), h("p", { class: "quiet" }, "Enter draws. The pictures come out of the noise here, and stay."));
  const update = drawings(gallery, (job) => job.kind === "generate", again);
  const show = () => { empty.hidden = update(sorted(() => true)) > 0; };

  fill(screen,
    h("form", { class: "composer", onsubmit: (e) => { e.preventDefault(); draw(); } },
      h("div", { class: "prompt-row" }, prompt, iconButton("Something that the base knows", "spark", surprise)),
      hint,
      chips.node,
      h("div", { class: "composer-row" },
        h("div", { class: "inline" }, h("span", {}, "Pictures"), counts),
        h("label", { class: "inline" }, h("span", {}, "Seed"), seed), lockButton,
        h("span", { class: "spring" }),
        iconButton("Copy as command line", "copy", () => copied(commandOf(settings()), "Command line")),
        button("Draw", null, { kind: "accent large", type: "submit" })),
      h("div", { class: "composer-folds" }, known, more)),
    gallery, empty);
  grow();
  document.fonts.ready.then(grow);
  check();
  if (matchMedia("(min-width: 1024px)").matches) prompt.focus();
  const stop = onChange(show);
  show();
  if (wanted.wantsDraw) { delete wanted.wantsDraw; draw(); }
  return () => { stop(); chips.stop(); };
}

const marked = (list) => list.map((words, index) => [index > 0 && ", ", h("mark", {}, words)]);

function unknownWords({ unknown = [], subjects }) {
  if (!unknown.length) return null;
  return h("span", {}, "The base does not know ", marked(unknown), subjects.length > 0 && ". It was taught the words below.");
}

// No word is cut off: what is longer than the encoder reads at once is read in parts.
function howItIsRead({ limit, windows, begins, problem }) {
  if (problem) return h("span", { class: "bad" }, `${capital(problem)}.`);
  if (!(windows > 1)) return null;
  const where = windows > 2 ? "the later ones begin at " : "the second begins at ";
  return h("span", {}, `Too long to be read at once (${limit} tokens): read in ${windows} parts, ${where}`, marked(begins.map((words) => words.replace(/[,;.:]$/, ""))), ". Put first what matters most.");
}

const quoted = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${String(text).replaceAll("'", "'\"'\"'")}'`);

function commandOf(settings) {
  const flags = Object.entries(settings).flatMap(([name, value]) => {
    const flag = `--${name.replaceAll("_", "-")}`;
    if (typeof value === "boolean") return [value ? flag : `--no-${name.replaceAll("_", "-")}`];
    return [value].flat().flatMap((each) => [flag, quoted(String(each))]);
  });
  return ["impasto generate", ...flags].join(" ");
}
