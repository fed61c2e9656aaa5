// The socket of a live page (docs/live.md): subscribes to what the page shows, keeps its place by seq, and drives the badge.

import { clock, GOES_ON, mend, named, report } from "./live_notice.js";
import { outdated } from "./live_parts.js";
import { announce, partsOfRows, place, rowsOnPage } from "./live_rows.js";
import { duration, put } from "./times.js";

const KINDS = { broker: ["broker", "node"], queues: ["queue"], exchanges: ["exchange"], workers: ["worker"], tasks: ["task"], connections: ["connection"], topology: [] };
const ACK_EVERY = 4;
const LONGEST_WAIT = 5000;
const STATE_WAIT = 10_000;
const LOGGED_OUT = 4401;
const SENT_TOO_MUCH = [4413, 4429];
const REST_AFTER_TOO_MUCH = 30_000;
const MOST_ROWS = 500;
const SILENCE = 3000; // after so long without a frame the server is pinged
const ANSWER_WAIT = 5000; // and if none comes, nor the handshake of a new socket, the line is given up: it may be open on our side alone
const YOUNG = 15_000; // a page that was rendered longer ago has missed more than `data-seen` can say

const badge = document.getElementById("live-badge");
const content = document.getElementById("content"); // its data-topics and data-seen: what it shows, and from what it was rendered
const address = new URL("../../ws/live/", import.meta.url);
address.protocol = address.protocol.replace("http", "ws");

const topics = new Map(); // name: {rows, seq, epoch, at, receivedAt, age, interval, requestedAt, waiting, failing, refused}

let rendered = 0; // when the content came
let socket = null;
let latest = 0; // when it was opened, or last brought anything
let pinged = null; // when a ping was sent that is not answered yet
let failures = 0;
let received = 0;
let missed = false;
let complaint = ""; // what the server said last before it closed
let paused = false; // by the person

const now = () => performance.now();

function connect() {
  const opened = (socket = new WebSocket(address));
  const ours = (act) => (event) => socket === opened && act(event); // not what an abandoned socket still says
  received = 0;
  latest = now();
  pinged = null;
  opened.addEventListener("open", ours(() => {
    failures = 0;
    mend("socket");
    if (paused || document.hidden) send({ pause: true });
    for (const topic of topics.values()) topic.rows = null;
    subscribe();
    showBadge();
  }));
  opened.addEventListener("message", ours(({ data }) => receive(JSON.parse(data))));
  opened.addEventListener("close", ours(({ code }) => closed(code)));
}

function closed(code) {
  socket = null;
  showBadge();
  if (code === LOGGED_OUT) return void location.reload();
  const tooMuch = SENT_TOO_MUCH.includes(code);
  if (tooMuch) report("socket", `The live connection was closed (${complaint}); it opens again in ${REST_AFTER_TOO_MUCH / 1000} s.`);
  failures += 1;
  if (failures % 5 === 3) checkLogin();
  setTimeout(connect, tooMuch ? REST_AFTER_TOO_MUCH : Math.min(LONGEST_WAIT, 250 * 2 ** failures) * (0.5 + Math.random() / 2));
}

// A line can be dead without a word: the process stopped, packets dropped. Closing it properly would wait as long as everything else.
function checkLine() {
  if (!socket) return;
  const open = socket.readyState === WebSocket.OPEN;
  const waiting = now() - (open ? pinged ?? now() : latest);
  if (waiting > ANSWER_WAIT) {
    const abandoned = socket;
    closed();
    abandoned.close();
  } else if (open && pinged === null && now() - latest > SILENCE) {
    pinged = now();
    send({ ping: 1 });
  }
}

// A refused handshake looks like a broken line: whether we are still logged in, only a page shows; it leads a stranger to the login.
async function checkLogin() {
  const answer = await fetch(location.href, { method: "HEAD", redirect: "manual" }).catch(() => null);
  if (answer?.type === "opaqueredirect") location.reload();
}

function send(frame) {
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(frame));
}

// Requests the topics of the page with the rows that stand on it now; of these only what changed.
function subscribe() {
  const [wanted, keysOf] = [JSON.parse(content.dataset.topics), rowsOnPage()];
  const news = [];
  let room = MOST_ROWS;
  for (const name of wanted) {
    const keys = keysOf(KINDS[name.split("/")[0]]).slice(0, name.startsWith("broker/") ? MOST_ROWS : room);
    if (!name.startsWith("broker/")) room -= keys.length;
    const topic = topics.get(name) ?? {};
    topics.set(name, topic);
    if (topic.rows === keys.join()) continue;
    topic.rows = keys.join();
    expect(topic);
    news.push({ topic: name, rows: name.startsWith("broker/") ? null : keys });
  }
  const gone = [...topics.keys()].filter((name) => !wanted.includes(name));
  for (const name of gone) topics.delete(name) && mend(name);
  if (news.length || gone.length) send({ unsubscribe: gone, subscribe: news });
}

// Until its state comes, patches of a topic mean nothing; `waiting` is since when there was no answer at all.
const expect = (topic) => Object.assign(topic, { requestedAt: now(), waiting: topic.waiting ?? now() });

function receive(frame) {
  latest = now();
  pinged = null;
  if ("pong" in frame) return;
  if (frame.error) {
    complaint = frame.error.message;
    return void console.warn("live:", complaint);
  }
  if (frame.refused) return frame.refused.forEach(refuse);
  received += 1;
  if (received % ACK_EVERY === 0) send({ ack: received });
  const topic = topics.get(frame.topic);
  if (!topic || paused) return; // a late frame; when the page goes on, the whole state comes
  let polled = frame.at !== topic.at;
  if (frame.full) {
    polled = catchUp(frame, topic) && polled;
    topic.requestedAt = topic.waiting = null;
  } else {
    if (topic.requestedAt || (topic.epoch === frame.epoch && frame.seq <= topic.seq)) return;
    if (topic.epoch !== frame.epoch || frame.seq !== topic.seq + 1) return void resync(frame.topic, topic);
  }
  noteFailure(frame, topic);
  Object.assign(topic, { seq: frame.seq, epoch: frame.epoch, at: frame.at, age: frame.age_seconds, interval: frame.interval_seconds, receivedAt: now() });
  for (const [key, news] of Object.entries(frame.rows)) {
    place(key, news, { whole: Boolean(frame.full) });
    outdated(news.parts ?? []);
  }
  if (polled && frame.at) announcePoll(frame, topic);
  outdated(frame.parts);
  settle();
  showBadge();
}

// The first state of a young page is compared with what the page was rendered from: a page that is up to date fetches nothing. After a gap
// everything is fetched again, once. True if the state may bring numbers that the page has not shown.
function catchUp(frame, topic) {
  const shown = JSON.parse(content.dataset.seen || "{}")[frame.topic];
  if (!topic.epoch && shown && now() - rendered < YOUNG) {
    const rows = Object.entries(shown.rows).flatMap(([key, facts]) => changed(facts, frame.rows[key]?.facts));
    outdated([...changed(shown.facts, frame.facts), ...rows]);
    return frame.at !== shown.at && !/^(workers|tasks)\//.test(frame.topic); // their `at` moves with each event
  }
  if (topic.epoch !== frame.epoch || topic.seq < frame.seq) missed = true;
  return true;
}
const changed = (before, after = {}) => Object.keys(after).filter((name) => before[name] !== after[name]);

// When every topic has answered, or will not: one fetch of all parts serves all of them.
function settle() {
  if (!missed || [...topics.values()].some((topic) => topic.requestedAt && now() - topic.requestedAt < STATE_WAIT)) return;
  missed = false;
  outdated(["all"]); // something may have been missed
}

function noteFailure(frame, topic) {
  const { failing } = frame;
  if (failing) report(frame.topic, `Not refreshed since ${clock(failing.since)} UTC: ${named(frame.topic)} (${failing.reason}). ${GOES_ON}`, placesOf(topic));
  else mend(frame.topic);
  if (topic.failing && !failing) missed = true;
  Object.assign(topic, { failing: Boolean(failing), refused: false });
}

function refuse({ topic: name, message }) {
  const topic = topics.get(name);
  if (!topic) return;
  Object.assign(topic, { requestedAt: null, waiting: null, refused: true });
  report(name, `Not live: ${named(name)}; ${message}.`, placesOf(topic));
  settle();
}

const placesOf = (topic) => partsOfRows((topic.rows ?? "").split(","));

function announcePoll(frame, topic) {
  const [kind, broker] = frame.topic.split("/");
  announce(kind === "broker" ? new Set([...topic.rows.split(","), ...Object.keys(frame.rows), `broker-${broker}`]) : topic.rows.split(","), frame.at);
  if (kind !== "broker") return;
  document.dispatchEvent(new CustomEvent("hareline:tick", { detail: { broker: Number(broker), at: frame.at } }));
  outdated(["tick"]);
}

function resync(name, topic) {
  expect(topic);
  send({ resync: name });
}

// The badge: connection and age, always both. Only its word is a live region: an age that is read out every second is noise.
const ageText = (seconds) => `${seconds < 1 ? "0 s" : duration(Math.floor(seconds))} ago`;

function showBadge() {
  if (!badge) return;
  for (const [name, topic] of topics) if (unanswered(topic)) report(name, `No answer for ${STATE_WAIT / 1000} s: ${named(name)}.`, placesOf(topic));
  const counted = [...topics.values()].filter((topic) => !topic.failing && !topic.refused);
  const dated = counted.filter((topic) => topic.receivedAt && topic.age !== null);
  const ages = dated.map((topic) => topic.age + (now() - topic.receivedAt) / 1000);
  const old = dated.some((topic, index) => ages[index] > 3 * (topic.interval ?? 5));
  const stale = old || counted.some(unanswered) || (topics.size && !dated.length);
  const state = paused ? "paused" : socket?.readyState !== WebSocket.OPEN ? "reconnecting" : stale ? "stale" : "live";
  const empty = counted.some((topic) => topic.receivedAt || unanswered(topic)); // it answered without any number, or not in time
  const word = state === "stale" && !dated.length ? (empty ? "No data" : "Connecting…") : state[0].toUpperCase() + state.slice(1);
  put(badge.querySelector("[data-text=word]"), word);
  put(badge.querySelector("[data-text=age]"), ages.length ? ageText(Math.max(...ages)) : "");
  const grewOld = badge.dataset.state === "live" && state === "stale";
  if (badge.dataset.state !== state) badge.dataset.state = state;
  if (grewOld) outdated(["all"]); // nothing comes that would say so: the page itself names what is unknown now
}
const unanswered = (topic) => socket?.readyState === WebSocket.OPEN && topic.waiting && now() - topic.waiting > STATE_WAIT && !paused && !document.hidden;

function showPaused() {
  document.body.toggleAttribute("data-paused", paused);
  for (const button of document.querySelectorAll("[data-action=pause]")) button.setAttribute("aria-pressed", String(paused));
}

// htmx has put other content into the page, which is as if it had just been opened.
function renewed() {
  rendered = now();
  for (const topic of topics.values()) Object.assign(topic, { rows: null, epoch: null });
  showPaused();
}

// The page rests, or goes on: then the server sends the whole state of each topic, and waiting begins anew.
function rest() {
  send({ pause: paused || document.hidden });
  for (const topic of topics.values()) if (topic.requestedAt) Object.assign(topic, { requestedAt: now(), waiting: now() });
  outdated();
}

document.addEventListener("click", ({ target }) => {
  if (!target.closest?.("[data-action=pause], #live-badge")) return;
  paused = !paused;
  showPaused();
  rest();
  showBadge();
});
document.addEventListener("visibilitychange", rest);
document.addEventListener("hareline:parts", ({ detail: { part } }) => {
  if (!part) renewed();
  subscribe();
});
addEventListener("pagehide", () => {
  const open = socket;
  socket = null; // what it still says is nobody's
  open?.close();
});
addEventListener("pageshow", ({ persisted }) => persisted && connect());
setInterval(() => {
  checkLine();
  showBadge();
  for (const [name, topic] of topics) if (topic.requestedAt && now() - topic.requestedAt > STATE_WAIT && !paused && !document.hidden) resync(name, topic);
  settle();
}, 1000);

if (badge) Object.assign(badge, { disabled: false, title: "Pause or resume live updates" });
subscribe();
connect();
