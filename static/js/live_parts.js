// The parts of the page that htmx fetches again (docs/live.md): when one is out of date, when it may change under a reader's eyes, and what is
// said while it can't be fetched.

import { clock, GOES_ON, mend, report } from "./live_notice.js";

const SPREAD = 300; // everybody's page would send its request in the same instant otherwise
const PATIENCE = 3000; // how long a part with rows waits for the pointer to leave it
const FIRST_RETRY = 2000;
const LONGEST_RETRY = 30_000;

const dirty = new Set(); // names of facts that changed since the last renewal
const renewed = new WeakMap(); // part: when it was last renewed
const waiting = new WeakSet(); // parts with a request that waits for the pointer
const patient = new WeakSet(); // parts that have waited for it
const late = new WeakSet(); // parts that got out of date during their request
const failed = new Map(); // name of a part that could not be fetched: {since, times}
let renewal = null;

// A page that is paused or hidden keeps what it shows; what gets out of date meanwhile is renewed when it goes on.
const rests = () => document.hidden || document.body.hasAttribute("data-paused");

/** Renews the parts that follow these facts, soon; "all": every part. Without names: the page goes on after a rest. */
export function outdated(names = []) {
  for (const name of names) dirty.add(name);
  if (dirty.size && !rests()) renewal ??= setTimeout(renew, Math.random() * SPREAD);
}

function renew() {
  renewal = null;
  if (rests()) return;
  const stale = [...document.querySelectorAll("[data-part]")].filter(isOutdated);
  dirty.clear();
  for (const part of stale) {
    renewed.set(part, performance.now());
    part.dispatchEvent(new CustomEvent("hareline:outdated"));
  }
}

// A part follows its own name, the facts of data-follows, and those that something inside it follows. "tick/10": at most every 10 s.
function isOutdated(part) {
  const age = (performance.now() - (renewed.get(part) ?? 0)) / 1000;
  const inside = [...part.querySelectorAll("[data-follows]")].map(({ dataset }) => dataset.follows);
  const facts = ["all", part.dataset.part, part.dataset.follows ?? "", ...inside].join(" ").split(" ");
  return facts.some((fact) => {
    const [name, rest] = fact.split("/");
    return dirty.has(name) && age >= Number(rest ?? 0);
  });
}

// Rows must not jump under the pointer: the request waits until it has left, but not for ever. A request isn't aborted by the next, since the server
// works for it all the same: the part is fetched once more after it, unless the clock alone repeats it.
document.addEventListener("htmx:confirm", async (event) => {
  const { elt: part, triggeringEvent, issueRequest } = event.detail;
  if (!part.dataset.part) return;
  event.preventDefault();
  const underWay = part.classList.contains("htmx-request");
  if (underWay && triggeringEvent) late.add(part);
  if (underWay || waiting.has(part)) return;
  waiting.add(part);
  if (isPointedAt(part)) {
    patient.add(part);
    const left = new Promise((resolve) => part.addEventListener("pointerleave", resolve, { once: true }));
    await Promise.race([left, new Promise((resolve) => setTimeout(resolve, PATIENCE))]);
  }
  waiting.delete(part);
  if (rests()) outdated([part.dataset.part]);
  else issueRequest(true);
});

document.addEventListener("htmx:afterRequest", ({ target: part, detail }) => {
  if (late.delete(part) && detail.successful) outdated([part.dataset.part]); // else it is fetched again as one that failed
});

const isPointedAt = (part) => part.querySelector("[data-live]") && part.matches(":hover") && matchMedia("(hover: hover)").matches;

// The pointer may have come, the rest begun, or the content changed, during the request: the answer is dropped and requested again.
document.addEventListener("htmx:beforeSwap", ({ target: part, detail }) => {
  const typing = document.activeElement?.matches("input, textarea, select"); // the words of a button that has the focus are not a value
  window.Idiomorph.defaults.ignoreActiveValue = Boolean(part.dataset.part && typing); // what somebody types there stays
  if (!part.dataset.part || detail.isError || detail.requestConfig.elt !== part) return; // a form may renew the part that it stands in
  failed.delete(part.dataset.part);
  mend(`part ${part.dataset.part}`);
  const waited = patient.delete(part);
  if (isOfItsAddress(part, detail) && !rests() && (waited || !isPointedAt(part))) return;
  detail.shouldSwap = false;
  outdated([part.dataset.part]);
});

// The content around a part may have been replaced during its request, by that of another filter: then the answer belongs to the previous address.
const isOfItsAddress = (part, { pathInfo }) => pathInfo.requestPath === part.getAttribute("hx-get");

document.addEventListener("htmx:afterSettle", ({ target }) => {
  if (target.dataset.part || target.id === "content") document.dispatchEvent(new CustomEvent("hareline:parts", { detail: { part: target.dataset.part } }));
});

const WHY = { "htmx:responseError": "", "htmx:sendError": "no connection", "htmx:timeout": "no answer" };
for (const name of Object.keys(WHY)) {
  document.addEventListener(name, ({ target: part, detail }) => {
    const { xhr } = detail;
    if (part.dataset.part && isOfItsAddress(part, detail)) notFetched(part, WHY[name] || `the server answered ${xhr.status}`, !xhr.status || xhr.status >= 500);
  });
}

// The part stays as it is, marked as old, and is fetched again: after 2 s, then each time twice as long, 30 s at most.
function notFetched(part, why, again) {
  const name = part.dataset.part;
  const { since, times } = failed.get(name) ?? { since: new Date().toISOString(), times: 0 };
  failed.set(name, { since, times: times + 1 });
  const title = part.querySelector("h1, h2, h3")?.textContent.trim() || name;
  report(`part ${name}`, `Not refreshed since ${clock(since)} UTC: ${title} (${why}). ${GOES_ON}`, [part]);
  if (again) setTimeout(outdated, Math.min(LONGEST_RETRY, FIRST_RETRY * 2 ** times), [name]);
}

// What somebody has opened or closed stays so
window.Idiomorph.defaults.callbacks.beforeAttributeUpdated = (name, element) => !(name === "open" && element.matches("details, dialog"));
