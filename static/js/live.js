// The socket of a live page (docs/live.md): subscribes to what the page shows, keeps its place by seq, and drives the badge.

import { allOutdated, announce, goOn, outdated, place, rowsOnPage } from "./live_page.js";

const KINDS = { broker: ["broker", "node"], queues: ["queue"], exchanges: ["exchange"], workers: ["worker"], tasks: ["task"], topology: [] };
const ACK_EVERY = 4;
const LONGEST_WAIT = 5000;
const STATE_WAIT = 10_000;
const LOGGED_OUT = 4401;
const MOST_ROWS = 500;

const badge = document.getElementById("live-badge");
const root = document.body.dataset.root;
const address = root ? new URL(`${root.replace(/\/$/, "")}/ws/live/`, location.href) : new URL("../../ws/live/", import.meta.url);
address.protocol = address.protocol.replace("http", "ws");

const topics = new Map(); // name: {rows, seq, epoch, at, toldAt, age, interval, asked}
const COMMIT_MS = 1000; // what was heard before the page was rendered may have been stored only after
const rendered = Date.parse(document.querySelector("[data-clock]")?.dateTime ?? "");

let socket = null;
let failures = 0;
let received = 0;
let acknowledged = 0;
let paused = false; // by the person
let leaving = false;

function connect() {
  socket = new WebSocket(address);
  received = acknowledged = 0;
  socket.addEventListener("open", () => {
    failures = 0;
    if (paused || document.hidden) send({ pause: true });
    for (const topic of topics.values()) topic.rows = null;
    subscribe();
    showBadge();
  });
  socket.addEventListener("message", ({ data }) => receive(JSON.parse(data)));
  socket.addEventListener("close", ({ code }) => closed(code));
}

function closed(code) {
  socket = null;
  showBadge();
  if (leaving) return;
  if (code === LOGGED_OUT) return void location.reload();
  failures += 1;
  if (failures % 5 === 3) checkLogin();
  setTimeout(connect, Math.min(LONGEST_WAIT, 250 * 2 ** failures) * (0.5 + Math.random() / 2));
}

// A refused handshake looks like a broken line: whether we are still logged in, only a page tells.
async function checkLogin() {
  const answer = await fetch(location.href, { method: "HEAD", headers: { "HX-Request": "true" } }).catch(() => null);
  if (answer?.status === 401) location.reload();
}

function send(frame) {
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(frame));
}

/** Asks for the topics of the page with the rows that stand on it now; only what changed is asked for. */
export function subscribe() {
  const rows = rowsOnPage();
  const wanted = JSON.parse(document.body.dataset.topics || "[]");
  const news = [];
  for (const name of wanted) {
    const keys = KINDS[name.split("/")[0]].flatMap((kind) => rows[kind] ?? []).sort().slice(0, MOST_ROWS);
    const topic = topics.get(name) ?? {};
    topics.set(name, topic);
    if (topic.rows === keys.join()) continue;
    Object.assign(topic, { rows: keys.join(), asked: performance.now() });
    news.push({ topic: name, rows: name.startsWith("broker/") ? null : keys });
  }
  const gone = [...topics.keys()].filter((name) => !wanted.includes(name));
  for (const name of gone) topics.delete(name);
  if (news.length || gone.length) send({ unsubscribe: gone, subscribe: news });
}

function receive(frame) {
  if (frame.error) return void console.warn("live:", frame.error.message);
  acknowledge();
  const topic = topics.get(frame.topic);
  if (!topic || paused) return; // a frame that was on its way; when the page goes on, the whole state comes
  if (frame.full) {
    const missed = topic.epoch ? topic.epoch !== frame.epoch || topic.seq < frame.seq : Date.parse(frame.at) > rendered - COMMIT_MS;
    if (missed) allOutdated();
    topic.asked = null;
  } else {
    if (topic.asked || (topic.epoch === frame.epoch && frame.seq <= topic.seq)) return;
    if (topic.epoch !== frame.epoch || frame.seq !== topic.seq + 1) return void resync(frame.topic, topic);
  }
  const polled = frame.at !== topic.at;
  Object.assign(topic, { seq: frame.seq, epoch: frame.epoch, at: frame.at, age: frame.age_seconds, interval: frame.interval_seconds, toldAt: performance.now() });
  for (const [key, news] of Object.entries(frame.rows)) {
    place(key, news, { whole: Boolean(frame.full) });
    outdated(news.parts ?? []);
  }
  if (polled && frame.at) tell(frame, topic);
  outdated(frame.parts);
  showBadge();
}

function tell(frame, topic) {
  const [kind, broker] = frame.topic.split("/");
  announce(kind === "broker" ? new Set([...topic.rows.split(","), ...Object.keys(frame.rows), `broker-${broker}`]) : topic.rows.split(","), frame.at);
  if (kind === "broker") document.dispatchEvent(new CustomEvent("hareline:tick", { detail: { broker: Number(broker), at: frame.at } }));
}

function resync(name, topic) {
  topic.asked = performance.now();
  send({ resync: name });
}

function acknowledge() {
  received += 1;
  if (received - acknowledged < ACK_EVERY) return;
  acknowledged = received;
  send({ ack: received });
}

// The badge: connection and age, always both. Only its word is a live region: an age that is read out every second is noise.
const words = { live: "Live", reconnecting: "Reconnecting", paused: "Paused", stale: "Stale" };

function ageText(seconds) {
  if (seconds < 60) return `${Math.floor(seconds)} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s ago`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min ago`;
}

function showBadge() {
  if (!badge) return;
  const told = [...topics.values()].filter((topic) => topic.toldAt && topic.age !== null);
  const ages = told.map((topic) => topic.age + (performance.now() - topic.toldAt) / 1000);
  const stale = told.some((topic, index) => ages[index] > 3 * (topic.interval ?? 5));
  const state = paused ? "paused" : socket?.readyState !== WebSocket.OPEN ? "reconnecting" : stale || (topics.size && !told.length) ? "stale" : "live";
  const word = state === "stale" && !told.length ? "No data" : words[state];
  put(badge.querySelector("[data-text=word]"), word);
  put(badge.querySelector("[data-text=age]"), ages.length ? ageText(Math.max(...ages)) : "");
  if (badge.dataset.state !== state) badge.dataset.state = state;
}

function put(node, text) {
  if (node && node.textContent !== text) node.textContent = text;
}

function setPaused(on) {
  paused = on;
  send({ pause: paused || document.hidden });
  document.body.toggleAttribute("data-paused", paused);
  for (const button of document.querySelectorAll("[data-action=pause]")) button.setAttribute("aria-pressed", String(paused));
  goOn();
  showBadge();
}

document.addEventListener("click", ({ target }) => {
  if (target.closest?.("[data-action=pause], #live-badge")) setPaused(!paused);
});
document.addEventListener("visibilitychange", () => {
  send({ pause: paused || document.hidden });
  goOn();
});
document.addEventListener("hareline:parts", subscribe);
addEventListener("pagehide", () => {
  leaving = true;
  socket?.close();
});
addEventListener("pageshow", ({ persisted }) => {
  if (!persisted) return;
  leaving = false;
  connect();
});
setInterval(() => {
  showBadge();
  for (const [name, topic] of topics) if (topic.asked && performance.now() - topic.asked > STATE_WAIT && !paused && !document.hidden) resync(name, topic);
}, 1000);

if (document.body.dataset.topics) {
  if (badge) {
    badge.disabled = false;
    badge.title = "Pause or go on with live updates";
  }
  subscribe();
  connect();
}
