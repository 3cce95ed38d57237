// The frame: which screen is shown, and what goes on at the edge of the page.
import { fill, h, icon } from "./dom.js";
import { begin, facts, onChange } from "./store.js";
import { complain } from "./toast.js";
import { queueBadge } from "./parts/queue.js";

const SCREENS = [
  ["draw", "Draw"],
  ["teach", "Teach"],
  ["reference", "Reference"],
  ["mix", "Restyle"],
  ["compare", "Compare"],
  ["styles", "Styles"],
];
let leave = () => {};

async function show() {
  const [name, ...rest] = (location.hash.slice(2) || "draw").split("/").map(decodeURIComponent);
  const known = SCREENS.some(([each]) => each === name) || name === "queue" || name === "judge" ? name : "draw";
  leave();
  leave = () => {};
  document.querySelectorAll(".rail a[href]").forEach((link) => {
    const isHere = link.hash === `#/${known}`;
    link.toggleAttribute("aria-current", isHere);
    if (isHere) link.setAttribute("aria-current", "page");
  });
  const screen = document.querySelector("#screen");
  screen.className = `screen-${known}`;
  try {
    const { open } = await import(`./screens/${known}.js`);
    fill(screen);
    window.scrollTo(0, 0);
    leave = (await open(screen, rest)) || (() => {});
  } catch (error) {
    complain(error);
    fill(screen, h("p", { class: "empty" }, "This screen could not be opened."));
  }
}

function rail() {
  const links = SCREENS.map(([name, label]) => h("a", { href: `#/${name}`, class: "rail-link" }, icon(name), h("span", {}, label)));
  const jobs = h("a", { href: "#/queue", class: "rail-link phone-only" }, icon("play"), h("span", {}, "Jobs"));
  const state = h("p", { class: "rail-state" });
  const told = () => {
    state.textContent = facts.isConnected ? (facts.ready ? "" : "Opening the base…") : "Not connected";
    state.classList.toggle("bad", !facts.isConnected);
  };
  onChange(told);
  fill(
    document.querySelector(".rail"),
    h("a", { href: "#/draw", class: "wordmark" }, "impasto"),
    h("div", { class: "rail-links" }, links, jobs),
    h("div", { class: "rail-foot" }, queueBadge(), state),
  );
  told();
}

addEventListener("hashchange", show);
addEventListener("unhandledrejection", (event) => complain(event.reason));
addEventListener("keydown", (event) => {
  if (event.altKey && SCREENS[event.key - 1]) {
    event.preventDefault();
    location.hash = `#/${SCREENS[event.key - 1][0]}`;
  }
});
await begin().catch(complain);
rail();
show();
