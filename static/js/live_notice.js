// What of the page is not live although the rest is: one line each, with since when and why, and a mark on the parts it concerns.

const MOST_LINES = 3;
const lines = new Map(); // owner (a topic, a part): text
const marked = new Map(); // owner: elements

/** Says what `owner` is missing until `mend` is called; marks the elements that it concerns. */
export function report(owner, text, elements = []) {
  unmark(owner);
  marked.set(owner, new Set(elements));
  for (const element of elements) element.dataset.unrefreshed = "";
  if (lines.get(owner) === text) return; // what is read out again and again is noise
  lines.set(owner, text);
  show();
}

/** The owner is as live as the rest again. */
export function mend(owner) {
  unmark(owner);
  if (lines.delete(owner)) show();
}

function unmark(owner) {
  const own = marked.get(owner) ?? [];
  marked.delete(owner);
  for (const element of own) if (![...marked.values()].some((others) => others.has(element))) delete element.dataset.unrefreshed;
}

function show() {
  const place = document.getElementById("live-notice");
  if (!place) return;
  const texts = [...lines.values()];
  const shown = texts.slice(0, MOST_LINES);
  if (texts.length > shown.length) shown.push(`${texts.length - shown.length} more parts are not live.`);
  place.hidden = !shown.length;
  place.replaceChildren(...shown.map((text) => Object.assign(document.createElement("p"), { textContent: text })));
}

/** "14:02:11", with the day where it is not today: UTC, as everywhere. */
export function clock(iso) {
  const [day, time] = iso.split("T");
  return `${new Date().toISOString().startsWith(day) ? "" : `${day} `}${time.slice(0, 8)}`;
}

/** "tasks of /": a topic in words. */
export function named(topic) {
  const [kind, , vhost] = topic.split("/");
  if (kind === "broker") return "the broker";
  let name = vhost ?? "";
  try {
    name = decodeURIComponent(name);
  } catch {
    // shown as it is written
  }
  return `${kind === "topology" ? "bindings and policies" : kind} of ${name}`;
}
