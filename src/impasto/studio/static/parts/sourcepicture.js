// One picture to start from: dropped, or one that was drawn or shipped.
import { fill, h } from "../dom.js";
import { post, upload, url } from "../api.js";
import { sorted } from "../store.js";
import { complain } from "../toast.js";
import { dropzone } from "./dropzone.js";
import { thumbnail } from "./pictures.js";

export function pictureUrl(named, side = 512) {
  if (named.startsWith("job:")) {
    const [job, file] = named.slice(4).split("/");
    return url("jobs", job, "pictures", file);
  }
  const place = named.replace(/^set:/, "");
  const cut = place.lastIndexOf("/");
  return thumbnail(place.slice(0, cut), place.slice(cut + 1), side);
}

// `chosen(name)` is called with `set:NAME/FILE` or `job:ID/FILE`.
export function sourcePicture(text, start, chosen) {
  let named = start;
  const shown = h("div", { class: "source-picture" });
  const zone = dropzone(text, async ([file]) => {
    try {
      const { name } = await post("/sets", { title: file.name.slice(0, 80) });
      const made = await upload(`/sets/${name}/pictures?file=${encodeURIComponent(file.name)}`, file);
      choose(`set:${name}/${made.name}`);
    } catch (error) {
      complain(error);
    }
  }, { isMany: false });
  const recent = h("div", { class: "recent" });
  function choose(name) {
    named = name;
    chosen(name);
    show();
  }
  function show() {
    fill(shown, named && h("img", { src: pictureUrl(named), alt: "The chosen picture", onerror: () => { named = ""; chosen(""); show(); } }));
    shown.hidden = !named;
    const drawn = sorted((job) => job.pictures.length > 0).slice(0, 8).map((job) => `job:${job.id}/${job.pictures[0]}`);
    const samples = ["butterfly", "castle"].map((name) => `pack:openmoji/style/${name}.png`);
    fill(recent, [...drawn, ...samples].slice(0, 8).map((name) => h("button", { type: "button", class: "recent-picture", "aria-pressed": String(name === named), "aria-label": "Take this picture", onclick: () => choose(name) }, h("img", { src: pictureUrl(name, 96), alt: "", loading: "lazy" }))));
  }
  show();
  return h("div", { class: "picker" }, shown, h("div", { class: "stack" }, zone, h("p", { class: "quiet" }, "or one of these"), recent));
}
