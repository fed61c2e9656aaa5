// What of the page is not live although the rest is: one line each, with since when and why, and a mark on the parts it concerns.

export const GOES_ON = "The rest of the page goes on.";
const MOST_LINES = 3;
const troubles = new Map(); // owner (a topic, a part): {text, elements}

/** Says what `owner` is missing until `mend` is called; marks the elements that it concerns. */
export function report(owner, text, elements = []) {
  troubles.set(owner, { text, elements });
  show();
}

/** The owner is as live as the rest again. */
export function mend(owner) {
  if (troubles.delete(owner)) show();
}

function show() {
  const all = [...troubles.values()];
  const marked = new Set(all.flatMap(({ elements }) => elements));
  for (const element of document.querySelectorAll("[data-unrefreshed]")) if (!marked.has(element)) delete element.dataset.unrefreshed;
  for (const element of marked) element.dataset.unrefreshed = "";
  const texts = all.slice(0, MOST_LINES).map(({ text }) => text);
  if (all.length > MOST_LINES) texts.push(`${all.length - MOST_LINES} more parts are not live.`);
  const place = document.getElementById("live-notice");
  place.hidden = !texts.length;
  const lines = texts.map((textContent) => Object.assign(document.createElement("p"), { textContent }));
  if ([...place.children].map((line) => line.textContent).join() !== texts.join()) place.replaceChildren(...lines); // what is read out again is noise
}

document.addEventListener("hareline:parts", ({ detail }) => detail.part ?? show()); // the whole content is new, this place in it too

/** "14:02:11", with the day where it is not today: UTC, as everywhere. */
export function clock(iso) {
  const [day, time] = iso.split("T");
  return `${new Date().toISOString().startsWith(day) ? "" : `${day} `}${time.slice(0, 8)}`;
}

/** "tasks of /": a topic in words. */
export function named(topic) {
  const [kind, , vhost] = topic.split("/");
  if (kind === "broker") return "the broker";
  return `${kind === "topology" ? "bindings and policies" : kind} of ${decodeURIComponent(vhost)}`;
}
