// A set of pictures: dropped or chosen, each with what training sees of it, its caption and what is doubtful.
import { button, fill, h, icon, iconButton } from "../dom.js";
import { get, post, put, remove, upload, url } from "../api.js";
import { complain, undoable } from "../toast.js";

const path = (name) => `/sets/${name.split("/").map(encodeURIComponent).join("/")}`;
export const thumbnail = (set, picture, side = 256) => `/api/thumbnails/${set.split("/").map(encodeURIComponent).join("/")}/${encodeURIComponent(picture)}?side=${side}`;
const isShipped = (set) => set.startsWith("pack:");

const written = (set, picture, words) => put(`${path(set)}/pictures/${encodeURIComponent(picture.name)}/caption`, { caption: words }).then(() => { picture.caption = words; });

// A suggestion stands in the field as soon as that is entered: Enter takes it, typing changes it, leaving it leaves it.
function caption(set, picture, after) {
  const box = h("textarea", { class: "caption", rows: 2, maxLength: 2000, value: picture.caption, "aria-label": `What ${picture.name} shows`, readOnly: isShipped(set) });
  let isOffered = false;
  box.suggest = () => { box.placeholder = picture.suggested ? `${picture.suggested}?` : "What does it show?"; };
  const save = () => {
    const words = box.value.trim();
    if (words !== picture.caption) written(set, picture, words).then(after).catch(complain);
  };
  box.addEventListener("focus", () => {
    isOffered = !box.value && Boolean(picture.suggested);
    if (isOffered) { box.value = picture.suggested; box.select(); }
  });
  box.addEventListener("input", () => { isOffered = false; });
  box.addEventListener("blur", () => (isOffered ? (box.value = "") : save()));
  box.addEventListener("keydown", (event) => {
    if (event.key === "Enter") { event.preventDefault(); isOffered = false; box.blur(); }
  });
  box.suggest();
  return box;
}

const CONCEPTS = [["people", "People"], ["backgrounds", "Background"], ["none", "Leave out"]];

// Whether a picture shows people or a background, for methods that learn them apart.
function concept(set, picture, after) {
  const row = h("div", { class: "segments concept", role: "group", "aria-label": `What ${picture.name} shows` });
  const show = () => fill(row, CONCEPTS.map(([name, title]) => h("button", { type: "button", disabled: isShipped(set), "aria-pressed": String(picture.concept === name), title, onclick: () => say(name) }, title)));
  const say = (name) => put(`${path(set)}/pictures/${encodeURIComponent(picture.name)}/concept`, { concept: name }).then(() => { picture.concept = name; show(); after(); }).catch(complain);
  show();
  return row;
}

function card(set, picture, after, asksConcept) {
  const figure = h("figure", { class: "thumb" });
  const box = caption(set, picture, () => { show(); after(); });
  figure.suggest = box.suggest;
  const show = () => {
    figure.classList.toggle("no-caption", !picture.caption);
    figure.classList.toggle("is-doubtful", picture.doubts.length > 0);
  };
  figure.append(
    h("img", { src: thumbnail(set, picture.name), alt: picture.caption || picture.name, loading: "lazy", decoding: "async", width: 256, height: 256, onerror: (e) => e.target.classList.add("blank") }),
    picture.doubts.length > 0 && h("p", { class: "doubt", title: picture.doubts.join("; ") }, icon("warn"), h("span", {}, picture.doubts[0])) || "",
    h("figcaption", {}, box, asksConcept && concept(set, picture, () => after()) || ""),
  );
  if (!isShipped(set))
    figure.append(iconButton(`Take out ${picture.name}`, "close", async () => {
      const told = await remove(`${path(set)}/pictures/${encodeURIComponent(picture.name)}`).catch(complain);
      if (told) { after(picture); undoable("Picture taken out", told.undo, () => after()); }
    }));
  show();
  return figure;
}

export async function uploaded(set, files, told) {
  let done = 0;
  for (const file of files) {
    told(`${(done += 1)} of ${files.length}: ${file.name}`);
    await upload(`${path(set)}/pictures?file=${encodeURIComponent(file.name)}`, file).catch(complain);
  }
  told("");
}

export const newSet = (title) => post("/sets", { title });

function balance(list) {
  const of = (name) => list.filter((picture) => picture.concept === name).length;
  const bare = of("");
  const [people, backgrounds] = [of("people"), of("backgrounds")];
  const isUneven = !bare && Math.min(people, backgrounds) * 3 < Math.max(people, backgrounds);
  return [`${people} of people`, `${backgrounds} of backgrounds`, of("none") && `${of("none")} left out`, bare && `${bare} not said yet`, isUneven && "uneven: each is shown equally often, the few will be learnt by heart"];
}

const FEW = 60;
// Who looks at pictures for this base is quick; others are asked only on a click.
const QUICK = "pocket";

// Returns {node, load}; `changed(pictures)` is called with what there is now. `base()` returns the base that is taught,
// whose words captions are to be; `divides()` whether the method wants people and backgrounds apart.
export function pictureSet(changed, base, divides = () => false) {
  const grid = h("div", { class: "thumbs" });
  const words = h("p", { class: "summary" });
  const tools = h("div", { class: "row" });
  const advice = h("p", { class: "quiet" });
  const listOf = (name) => `${path(name)}/pictures?base=${encodeURIComponent(base())}`;
  let set = "";
  let list = [];
  let isLooking = false;
  const bareOnes = () => (isShipped(set) ? [] : list.filter((picture) => !picture.caption));
  const unseen = () => bareOnes().filter((picture) => !picture.looked_at);
  async function look() {
    const of = set;
    isLooking = true;
    tell();
    await post(`${path(of)}/suggest`, { base: base() }).catch(complain);
    const fresh = await get(listOf(of)).catch(() => []);
    isLooking = false;
    if (of !== set) return;
    for (const picture of list) {
      const found = fresh.find((each) => each.name === picture.name);
      if (found) Object.assign(picture, { suggested: found.suggested, looked_at: found.looked_at });
    }
    for (const figure of grid.children) figure.suggest();
    tell();
  }
  const tell = () => {
    const bare = list.filter((picture) => !picture.caption);
    const doubtful = list.filter((picture) => picture.doubts.length);
    words.textContent = [
      `${list.length} pictures`,
      isLooking ? "looking at them…" : bare.length ? `${bare.length} without a caption` : list.length ? "all with captions" : "",
      doubtful.length ? `${doubtful.length} to look at` : "",
      ...(divides() && list.length ? balance(list) : []),
    ].filter(Boolean).join(" · ");
    const suggested = bareOnes().filter((picture) => picture.suggested);
    const silent = bareOnes().filter((picture) => picture.looked_at && !picture.suggested);
    advice.textContent = silent.length && !isLooking ? `Nothing here can say what ${silent.length === list.length ? "these pictures show" : `${silent.length} of them show`}: write a few words below each, or the style swallows what it shows.` : "";
    const undivided = divides() && !isShipped(set) && list.some((picture) => !picture.concept);
    fill(tools, undivided && button("Divide them for me", async () => {
      words.textContent = "Looking at the pictures…";
      await post(`${path(set)}/divide`, { base: base() }).catch(complain);
      load(set);
    }, { icon: "spark" }), unseen().length > 0 && !isLooking && button("Suggest captions", look, { icon: "spark" }), suggested.length > 0 && button(`Take ${suggested.length} suggested captions`, async () => {
      for (const picture of suggested) await written(set, picture, picture.suggested).catch(complain);
      load(set);
    }, { icon: "check" }));
    changed(list);
  };
  async function load(name) {
    set = name;
    list = name ? await get(listOf(name)).catch((error) => { complain(error); return []; }) : [];
    fill(grid, list.map((picture) => card(set, picture, (gone) => (gone ? load(set) : tell()), divides())));
    node.classList.toggle("divides", divides());
    tell();
    if (base() === QUICK && !isLooking && unseen().length > 0 && unseen().length <= FEW) look();
  }
  const node = h("div", { class: "picture-set" }, h("div", { class: "row" }, words, h("span", { class: "spring" }), tools), advice, grid);
  return { node, load, again: () => load(set) };
}
