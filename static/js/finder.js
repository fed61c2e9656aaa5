/* The finder: a dialog over the JSON API that finds queues, exchanges and workers by a part of their name. */
const KINDS = [
  { kind: "queues", one: "queue", icon: "stack-2", name: (item) => item.name },
  { kind: "exchanges", one: "exchange", icon: "arrows-split", name: (item) => item.name || "(default exchange)" },
  { kind: "workers", one: "worker node", icon: "cpu", name: (item) => item.hostname },
];
const EACH = 6;
const PATIENCE_MS = 150;

let dialog, field, results, note, running, waiting;

export function openFinder() {
  if (!dialog || dialog.open) return Boolean(dialog);
  dialog.showModal();
  field.select();
  return true;
}

export function startFinder() {
  dialog = document.getElementById("finder");
  if (!dialog) return;
  field = dialog.querySelector(".finder-field");
  results = dialog.querySelector(".finder-results");
  note = dialog.querySelector(".finder-note");
  const opener = document.querySelector("[data-search] input");
  opener?.addEventListener("pointerdown", (event) => { event.preventDefault(); openFinder(); });
  document.querySelector("[data-search-open]")?.addEventListener("click", (event) => { event.preventDefault(); openFinder(); });
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  field.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(find, PATIENCE_MS); });
  field.addEventListener("keydown", onKey);
}

function onKey(event) {
  const links = [...results.querySelectorAll("a")];
  const at = links.findIndex((link) => link.getAttribute("aria-selected") === "true");
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step && links.length) {
    event.preventDefault();
    choose(links, (at + step + links.length) % links.length);
  } else if (event.key === "Enter") {
    event.preventDefault();
    (links[at] ?? links[0])?.click();
  }
}

function choose(links, at) {
  links.forEach((link, index) => link.setAttribute("aria-selected", String(index === at)));
  const chosen = links[at];
  if (chosen) {
    field.setAttribute("aria-activedescendant", chosen.id);
    chosen.scrollIntoView({ block: "nearest" });
  } else field.removeAttribute("aria-activedescendant");
}

async function find() {
  running?.abort();
  running = new AbortController();
  const text = field.value.trim();
  if (!text) return show([], "");
  try {
    const answers = await Promise.all(KINDS.map((kind) => ask(kind, text, running.signal)));
    const found = answers.flat();
    const more = answers.reduce((sum, list) => sum + list.total - list.length, 0);
    show(found, found.length ? (more ? `${found.length} shown, ${more.toLocaleString("en")} more` : `${found.length} found`) : `No queue, exchange or worker matches “${text}”`);
  } catch (error) {
    if (error.name !== "AbortError") show([], "Search failed. Try again.");
  }
}

async function ask({ kind, one, icon, name }, text, signal) {
  const address = new URL(`${dialog.dataset.api}${kind}`, location.href);
  address.search = new URLSearchParams({ q: text, page_size: EACH });
  const answer = await fetch(address, { signal, headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(`${kind}: ${answer.status}`);
  const { items, total } = await answer.json();
  const list = items.map((item) => ({ id: `found-${kind}-${item.id}`, href: new URL(`../../${kind}/${item.id}/`, new URL(dialog.dataset.api, location.href)).pathname, icon, name: name(item), where: `${one} · ${item.broker} ${item.vhost ?? ""}` }));
  return Object.assign(list, { total });
}

function show(found, words) {
  const sprite = dialog.querySelector("use").getAttribute("href").split("#")[0];
  results.replaceChildren(...found.map((one) => {
    const line = document.createElement("li");
    line.setAttribute("role", "presentation");
    const link = document.createElement("a");
    Object.assign(link, { id: one.id, href: one.href });
    link.setAttribute("role", "option");
    link.append(drawIcon(`${sprite}#${one.icon}`), text("span", one.name, "name"), text("span", one.where, "muted small"));
    line.append(link);
    return line;
  }));
  choose([...results.querySelectorAll("a")], found.length ? 0 : -1);
  note.textContent = words;
}

function text(tag, words, classes) {
  const element = document.createElement(tag);
  element.textContent = words;
  element.className = classes;
  return element;
}

function drawIcon(address) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", address);
  svg.append(use);
  return svg;
}
