// Elements from a line of code.
export function h(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "class") node.className = value;
    else if (name === "style") for (const [rule, set] of Object.entries(value)) rule.startsWith("--") ? node.style.setProperty(rule, set) : (node.style[rule] = set);
    else if (name in node && name !== "list" && name !== "form") node[name] = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...shown(children));
  return node;
}

export function fill(node, ...children) {
  node.replaceChildren(...shown(children));
  return node;
}

const shown = (children) => children.flat(3).filter((each) => each !== null && each !== undefined && each !== false);

const SVG = "http://www.w3.org/2000/svg";
const PATHS = {
  draw: "M4 20l1-4L16 5l3 3L8 19l-4 1zM13.5 7.5l3 3",
  teach: "M4 5h7v6H4zM13 5h7v6h-7zM4 13h7v6H4zM13 16h7M16.5 12.5v7",
  reference: "M4 5h16v14H4zM4 15l4-4 4 4 3-3 5 5M9 9h.01",
  mix: "M9 6a6 6 0 100 12A6 6 0 009 6zM15 6a6 6 0 110 12 6 6 0 010-12z",
  compare: "M12 4v16M5 7h4v10H5zM15 7h4v10h-4z",
  styles: "M5 4h14v16l-7-4-7 4z",
  lock: "M7 11V8a5 5 0 0110 0v3M6 11h12v9H6z",
  unlock: "M7 11V8a5 5 0 019.6-2M6 11h12v9H6z",
  plus: "M12 5v14M5 12h14",
  close: "M6 6l12 12M18 6L6 18",
  download: "M12 4v11M7 11l5 5 5-5M5 20h14",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  again: "M19 12a7 7 0 11-2-5l2 2M19 4v5h-5",
  pause: "M8 5v14M16 5v14",
  play: "M7 5l12 7-12 7z",
  stop: "M6 6h12v12H6z",
  trash: "M5 7h14M9 7V4h6v3M7 7l1 13h8l1-13",
  check: "M5 12l5 5L19 7",
  spark: "M12 4l2 6 6 2-6 2-2 6-2-6-6-2 6-2z",
  warn: "M12 4l9 16H3zM12 10v4M12 17h.01",
};

export function icon(name) {
  const node = document.createElementNS(SVG, "svg");
  node.setAttribute("viewBox", "0 0 24 24");
  node.setAttribute("aria-hidden", "true");
  node.classList.add("icon");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", PATHS[name]);
  node.append(path);
  return node;
}

export const button = (label, onclick, { icon: name, kind = "", title, ...more } = {}) =>
  h("button", { type: "button", class: `button ${kind}`, onclick, title, ...more }, name && icon(name), label && h("span", {}, label));

export const iconButton = (label, name, onclick, more = {}) =>
  h("button", { type: "button", class: "icon-button", "aria-label": label, title: label, onclick, ...more }, icon(name));

export function debounced(run, wait) {
  let timer = 0;
  return (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => run(...given), wait);
  };
}
