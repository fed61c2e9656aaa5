// The live rows of the page: which ones stand on it, and their news put in place. The socket is in live.js.
// Text goes in by textContent; HTML fragments come only from our own server, rendered by the same templates as the page.

import { outdated } from "./live_parts.js";

const numbers = new Map(); // row key: all numbers known of it
export const numbersOf = (key) => numbers.get(key) ?? {};

// A row is an element with data-live: its key, or nothing where the key is its id (the head of a page, a line of a table). A chart has data-row.
const keyOf = ({ dataset, id }) => dataset.row || dataset.live || id;

/** A function of kinds: keys of the rows of these that stand on the page now, ["queue-17", …]. The page, which may be a large drawing, is searched once. */
export function rowsOnPage() {
  const keys = [...new Set([...document.querySelectorAll("[data-live], [data-row]")].map(keyOf))].sort();
  return (kinds) => keys.filter((key) => kinds.includes(key.split("-")[0]));
}

const placesOfRow = (key) => [...document.querySelectorAll(`#${CSS.escape(key)}, [data-live="${CSS.escape(key)}"]`)];

/** The parts of the page that show these rows; a row outside of any part is its own place. */
export const partsOfRows = (keys) => keys.filter(Boolean).flatMap((key) => placesOfRow(key).map((element) => element.closest("[data-part]") ?? element));

// Cells of a row that stands inside another row belong to the inner one.
function cellsOf(element, kind, name) {
  return [...element.querySelectorAll(`[data-${kind}="${CSS.escape(name)}"]`)].filter((cell) => cell.parentElement.closest("[data-live]") === element);
}

function tint(cell) {
  cell.classList.remove("changed");
  void cell.offsetWidth; // begins the animation again
  cell.classList.add("changed");
}
document.addEventListener("animationend", ({ target }) => target.classList?.remove("changed"));

function morph(cell, html) {
  const content = document.createRange().createContextualFragment(html);
  window.Idiomorph.morph(cell, [...content.childNodes], { morphStyle: "innerHTML" });
}

/** Shows what is new of a row; `whole`: it is the whole state, which is no news to tint. */
export function place(key, news, { whole = false } = {}) {
  if (news.number) numbers.set(key, { ...numbers.get(key), ...news.number });
  for (const element of placesOfRow(key)) {
    if (element.dataset.level !== (news.mark?.level ?? element.dataset.level)) outdated(["level"]);
    for (const [name, value] of Object.entries(news.mark ?? {})) element.setAttribute(`data-${name}`, value);
    for (const [name, value] of Object.entries(news.text ?? {})) {
      for (const cell of cellsOf(element, "text", name)) {
        if (cell.textContent === value) continue;
        cell.textContent = value;
        if (!whole) tint(cell);
      }
    }
    for (const [name, value] of Object.entries(news.number ?? {})) for (const bar of cellsOf(element, "width", name)) bar.setAttribute("width", value ?? 0);
    for (const [name, value] of Object.entries(news.html ?? {})) for (const cell of cellsOf(element, "html", name)) morph(cell, value);
  }
}

/** Sends charts and sparklines the numbers of these rows at a poll. */
export function announce(keys, at) {
  for (const key of keys) {
    const number = numbers.get(key);
    if (!number) continue;
    document.dispatchEvent(new CustomEvent("hareline:row", { detail: { key, number, at } }));
    if (key.startsWith("worker-")) outdated(["beat"]);
  }
}
