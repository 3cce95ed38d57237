// A set of pictures: dropped or chosen, each with what training sees of it, its caption and what is doubtful.
import { button, fill, h, icon, iconButton } from "../dom.js";
import { get, post, put, remove, upload, url } from "../api.js";
import { complain, undoable } from "../toast.js";

const path = (name) => `/sets/${name.split("/").map(encodeURIComponent).join("/")}`;
export const thumbnail = (set, picture, side = 256) => `/api/thumbnails/${set.split("/").map(encodeURIComponent).join("/")}/${encodeURIComponent(picture)}?side=${side}`;
const isShipped = (set) => set.startsWith("pack:");

function caption(set, picture, after) {
  const box = h("input", { class: "caption", value: picture.caption, placeholder: picture.suggested ? `${picture.suggested}?` : "What does it show?", "aria-label": `What ${picture.name} shows`, readOnly: isShipped(set) });
  const save = async () => {
    const words = box.value.trim();
    if (words === picture.caption) return;
    await put(`${path(set)}/pictures/${encodeURIComponent(picture.name)}/caption`, { caption: words }).then(() => { picture.caption = words; after(); }).catch(complain);
  };
  box.addEventListener("change", save);
  box.addEventListener("keydown", (event) => {
    if (event.key === "Tab" && !event.shiftKey && !box.value && picture.suggested) box.value = picture.suggested;
    if (event.key === "Enter") { event.preventDefault(); box.blur(); }
  });
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
  const show = () => {
    figure.classList.toggle("no-caption", !picture.caption);
    figure.classList.toggle("is-doubtful", picture.doubts.length > 0);
  };
  figure.append(
    h("img", { src: thumbnail(set, picture.name), alt: picture.caption || picture.name, loading: "lazy", decoding: "async", width: 256, height: 256, onerror: (e) => e.target.classList.add("blank") }),
    picture.doubts.length > 0 && h("p", { class: "doubt", title: picture.doubts.join("; ") }, icon("warn"), h("span", {}, picture.doubts[0])) || "",
    h("figcaption", {}, caption(set, picture, () => { show(); after(); }), asksConcept && concept(set, picture, () => after()) || ""),
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

// Returns {node, load}; `changed(pictures)` is called with what there is now. `dividing()` returns the base that
// divides people from backgrounds where the method wants that, else nothing.
export function pictureSet(changed, dividing = () => "") {
  const grid = h("div", { class: "thumbs" });
  const words = h("p", { class: "summary" });
  const tools = h("div", { class: "row" });
  let set = "";
  let list = [];
  const tell = () => {
    const bare = list.filter((picture) => !picture.caption);
    const doubtful = list.filter((picture) => picture.doubts.length);
    words.textContent = [
      `${list.length} pictures`,
      bare.length ? `${bare.length} without a caption` : list.length ? "all with captions" : "",
      doubtful.length ? `${doubtful.length} to look at` : "",
      ...(dividing() && list.length ? balance(list) : []),
    ].filter(Boolean).join(" · ");
    const suggested = isShipped(set) ? [] : bare.filter((picture) => picture.suggested);
    const undivided = dividing() && !isShipped(set) && list.some((picture) => !picture.concept);
    fill(tools, undivided && button("Divide them for me", async () => {
      words.textContent = "Looking at the pictures…";
      await post(`${path(set)}/divide`, { base: dividing() }).catch(complain);
      load(set);
    }, { icon: "spark" }), suggested.length > 0 && button(`Take ${suggested.length} suggested captions`, async () => {
      for (const picture of suggested) await put(`${path(set)}/pictures/${encodeURIComponent(picture.name)}/caption`, { caption: picture.suggested }).catch(complain);
      load(set);
    }, { icon: "check" }));
    changed(list);
  };
  async function load(name) {
    set = name;
    list = name ? await get(`${path(name)}/pictures`).catch((error) => { complain(error); return []; }) : [];
    fill(grid, list.map((picture) => card(set, picture, (gone) => (gone ? load(set) : tell()), Boolean(dividing()))));
    node.classList.toggle("divides", Boolean(dividing()));
    tell();
  }
  const node = h("div", { class: "picture-set" }, h("div", { class: "row" }, words, h("span", { class: "spring" }), tools), grid);
  return { node, load, again: () => load(set) };
}
