// What of the page is live: finds its rows, places news in them, and renews parts that are out of date. The socket is in live.js.
// Text goes in by textContent; HTML fragments come only from our own server, rendered by the same templates as the page.

import { clock, mend, report } from "./live_notice.js";

const numbers = new Map(); // row key: all numbers known of it
const dirty = new Set(); // names of facts that changed since the last renewal
const loading = new Map(); // part: AbortController
const failed = new Map(); // part: {since, times} of those that could not be fetched
const PATIENCE = 3000; // how long a table waits for the pointer to leave it
const FETCH_WAIT = 15_000;
const FIRST_RETRY = 2000;
const LONGEST_RETRY = 30_000;

let renewal = null;

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

function elementsOf(key) {
  const named = document.getElementById(key);
  const others = document.querySelectorAll(`[data-live="${CSS.escape(key)}"]`);
  return new Set(named ? [named, ...others] : others);
}

/** The parts of the page that show these rows; a row outside of any part is its own place. */
export const placesOf = (keys) => keys.filter(Boolean).flatMap((key) => [...elementsOf(key)].map((element) => element.closest("[data-part]") ?? element));

// Parts of a row that stands inside another row belong to the inner one.
function partsOf(element, kind, name) {
  return [...element.querySelectorAll(`[data-${kind}="${CSS.escape(name)}"]`)].filter((part) => {
    let row = part.parentElement;
    while (row && !isRow(row)) row = row.parentElement;
    return row === element;
  });
}

function tint(node) {
  node.classList.remove("changed");
  void node.offsetWidth; // begins the animation again
  node.classList.add("changed");
}

document.addEventListener("animationend", ({ target }) => target.classList?.remove("changed"));

function morph(node, html) {
  const content = document.createRange().createContextualFragment(html);
  if (!window.Idiomorph) return void node.replaceChildren(content);
  const keepOpen = (name, target) => !(name === "open" && target.matches("details, dialog"));
  window.Idiomorph.morph(node, [...content.childNodes], { morphStyle: "innerHTML", ignoreActiveValue: true, callbacks: { beforeAttributeUpdated: keepOpen } });
}

/** Shows what is new of a row; `whole`: it is the whole state, which is no news to tint. */
export function place(key, news, { whole = false } = {}) {
  if (news.number) numbers.set(key, { ...numbers.get(key), ...news.number });
  for (const element of elementsOf(key)) {
    for (const [name, value] of Object.entries(news.mark ?? {})) element.setAttribute(`data-${name}`, value);
    for (const [name, value] of Object.entries(news.text ?? {})) {
      for (const node of partsOf(element, "text", name)) {
        if (node.textContent === value) continue;
        node.textContent = value;
        if (!whole) tint(node);
      }
    }
    for (const [name, value] of Object.entries(news.html ?? {})) for (const node of partsOf(element, "html", name)) morph(node, value);
  }
}

/** Tells charts and sparklines the numbers of these rows at a poll. */
export function announce(keys, at) {
  for (const key of keys) {
    const number = numbers.get(key);
    if (number) document.dispatchEvent(new CustomEvent("hareline:row", { detail: { key, number, at } }));
  }
}

// A page that is paused or hidden keeps what it shows; what gets out of date meanwhile is renewed when it goes on.
const rests = () => document.hidden || document.body.hasAttribute("data-paused");

/** Renews what follows these facts, soon: everybody's page would ask in the same instant otherwise. */
export function outdated(names) {
  for (const name of names) dirty.add(name);
  if (dirty.size && !rests()) renewal ??= setTimeout(renew, Math.random() * 300);
}

/** Renews these parts at once, also on a paused page: a person asked for them. */
export function renewNow(parts) {
  for (const part of parts) load(part, true);
}

/** The page goes on after a rest. */
export const goOn = () => outdated([]);

/** Renews every part: something may have been missed. */
export function allOutdated() {
  outdated([...document.querySelectorAll("[data-part]")].flatMap(follows));
}

const follows = (element) => (element.dataset.follows ?? element.dataset.part).split(" ").concat(element.dataset.part);

function renew() {
  renewal = null;
  if (rests()) return;
  for (const element of document.querySelectorAll("[data-part]")) if (follows(element).some((name) => dirty.has(name))) load(element.dataset.part);
  dirty.clear();
}

async function load(part, wanted = false) {
  loading.get(part)?.abort();
  const controller = new AbortController();
  loading.set(part, controller);
  const address = new URL(location.href);
  address.searchParams.set("part", part);
  // What the part has to know of the rest of the page: <table data-ask="newer" data-query="newest=…">
  for (const asking of document.querySelectorAll(`[data-ask="${CSS.escape(part)}"]`)) for (const [name, value] of new URLSearchParams(asking.dataset.query)) address.searchParams.set(name, value);
  const patience = setTimeout(() => controller.abort(new DOMException("no answer", "TimeoutError")), FETCH_WAIT);
  try {
    const answer = await fetch(address, { headers: { "HX-Request": "true", "HX-Current-URL": location.href }, signal: controller.signal });
    if (answer.status === 401) return void location.reload();
    if (!answer.ok) return void notFetched(part, `the server answered ${answer.status}`, answer.status >= 500);
    const html = await answer.text();
    clearTimeout(patience);
    failed.delete(part);
    mend(`part ${part}`);
    await show(part, html, wanted);
  } catch (error) {
    if (error.name !== "AbortError") notFetched(part, error.name === "TimeoutError" ? "no answer" : "no connection", true);
  } finally {
    clearTimeout(patience);
    if (loading.get(part) === controller) loading.delete(part);
  }
}

// The part stays as it is, marked as old, and is asked for again: after 2 s, then each time twice as long, 30 s at most.
function notFetched(part, why, again) {
  const { since, times } = failed.get(part) ?? { since: new Date().toISOString(), times: 0 };
  failed.set(part, { since, times: times + 1 });
  const element = document.querySelector(`[data-part="${CSS.escape(part)}"]`);
  const title = element?.querySelector("h1, h2, h3")?.textContent.trim() || part;
  report(`part ${part}`, `Not refreshed since ${clock(since)} UTC: ${title} (${why}). The rest of the page goes on.`, element ? [element] : []);
  if (again) setTimeout(outdated, Math.min(LONGEST_RETRY, FIRST_RETRY * 2 ** times), [part]);
}

// The answer is the part's content, or a page that has the part in it.
async function show(part, html, wanted) {
  const element = document.querySelector(`[data-part="${CSS.escape(part)}"]`);
  if (!element) return;
  await pointerAway(element);
  if (rests() && !wanted) return void dirty.add(part);
  const page = new DOMParser().parseFromString(`<template>${html}</template>`, "text/html").querySelector("template").content;
  const whole = page.querySelector(`[data-part="${CSS.escape(part)}"]`);
  const scrolled = [...element.querySelectorAll("[tabindex]")].map((box) => [box, box.scrollLeft, box.scrollTop]);
  morph(element, whole ? whole.innerHTML : html);
  for (const [box, left, top] of scrolled) box.scrollTo(left, top);
  document.dispatchEvent(new CustomEvent("hareline:parts", { detail: { part } }));
}

// Rows must not jump under the pointer: a part with rows waits until it leaves, but not for ever.
function pointerAway(element) {
  if (!element.querySelector(ROWS) || !element.matches(":hover") || !matchMedia("(hover: hover)").matches) return Promise.resolve();
  return new Promise((resolve) => {
    element.addEventListener("pointerleave", resolve, { once: true });
    setTimeout(resolve, PATIENCE);
  });
}
