// The live rows of the page: which ones stand on it, and their news put in place. The socket is in live.js.
// Text goes in by textContent; HTML fragments come only from our own server, rendered by the same templates as the page.

import { outdated } from "./live_parts.js";

const numbers = new Map(); // row key: all numbers known of it

// A row is an element with the row's key as its id (the head of a page, a line of a table), or another place that shows it: data-live="queue-17".
const KINDS = ["broker", "node", "queue", "exchange", "worker", "task"];
const KEY = new RegExp(`^(${KINDS.join("|")})-\\d+$`);
const ROWS = KINDS.map((kind) => `[id^="${kind}-"]`).join(", ") + ", [data-live], [data-row]";
const keyOf = (element) => element.dataset.live || element.id;
const isRow = (element) => KEY.test(keyOf(element));

/** Keys of the rows that stand on the page now, by their kind: {queue: ["queue-17"], worker: […]}. A chart (data-row) counts too. */
export function rowsOnPage() {
  const found = {};
  const keys = new Set([...document.querySelectorAll(ROWS)].map((element) => element.dataset.row || keyOf(element)));
  for (const key of keys) {
    const [, kind] = key.match(KEY) ?? [];
    if (kind) (found[kind] ??= []).push(key);
  }
  return found;
}

function placesOfRow(key) {
  const named = document.getElementById(key);
  const others = document.querySelectorAll(`[data-live="${CSS.escape(key)}"]`);
  return new Set(named ? [named, ...others] : others);
}

/** The parts of the page that show these rows; a row outside of any part is its own place. */
export const partsOfRows = (keys) => keys.filter(Boolean).flatMap((key) => [...placesOfRow(key)].map((element) => element.closest("[data-part]") ?? element));

// Cells of a row that stands inside another row belong to the inner one.
function cellsOf(element, kind, name) {
  return [...element.querySelectorAll(`[data-${kind}="${CSS.escape(name)}"]`)].filter((cell) => {
    let row = cell.parentElement;
    while (row && !isRow(row)) row = row.parentElement;
    return row === element;
  });
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
    for (const [name, value] of Object.entries(news.html ?? {})) for (const cell of cellsOf(element, "html", name)) morph(cell, value);
  }
}

/** Tells charts and sparklines the numbers of these rows at a poll. */
export function announce(keys, at) {
  for (const key of keys) {
    const number = numbers.get(key);
    if (!number) continue;
    document.dispatchEvent(new CustomEvent("hareline:row", { detail: { key, number, at } }));
    if (key.startsWith("worker-")) outdated(["beat"]);
  }
}
