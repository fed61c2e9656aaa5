// Worker pages: running times that grow, sums over the slots that are shown, and parts that follow a node's tasks.

import { outdated } from "./live_page.js";

// The server's clock, as far as the page knows it: running times must not follow a wrong clock here
const told = document.querySelector("[data-clock]")?.dateTime;
const ahead = told ? Date.now() - Date.parse(told) : 0;

function duration(seconds) {
  if (seconds < 1) return `${Math.max(seconds, 0.1).toFixed(1)} s`;
  const left = Math.round(seconds);
  const parts = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]].map(([size, unit], at, all) => [Math.floor((at ? left % all[at - 1][0] : left) / size), unit]);
  const first = parts.findIndex(([amount]) => amount > 0);
  return parts.slice(first, first + 2).filter(([amount]) => amount > 0).map(([amount, unit]) => `${amount} ${unit}`).join(" ");
}

function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function showRunningTimes() {
  for (const time of document.querySelectorAll("time[data-since]")) put(time, duration(Math.max(0, (Date.now() - ahead - Date.parse(time.dataset.since)) / 1000)));
}

const NODES = ".worker-node, .worker-row";

function showSums() {
  for (const element of document.querySelectorAll("[data-sum]")) {
    const nodes = [...(element.dataset.sumOf ? document : element.closest("[data-sum-group]")).querySelectorAll(NODES)];
    const known = nodes.filter(({ dataset }) => dataset.used && dataset.slots);
    put(element, known.reduce((total, { dataset }) => total + Number(dataset[element.dataset.sum]), 0).toLocaleString("en"));
  }
}

// The marks of a node change with each patch; its fragments come with a moment that must become a running time at once
new MutationObserver((changes) => {
  if (changes.some(({ type }) => type === "attributes")) showSums();
  else showRunningTimes();
}).observe(document.getElementById("content"), { subtree: true, childList: true, attributeFilter: ["data-used", "data-slots"] });

// A node's own page: what isn't in its row follows at each beat of the receiver
document.addEventListener("hareline:row", ({ detail: { key } }) => {
  if (key.startsWith("worker-") && document.querySelector('[data-part="story"]')) outdated(["running", "story"]);
});
document.addEventListener("hareline:parts", () => {
  showSums();
  showRunningTimes();
});
showRunningTimes();
setInterval(showRunningTimes, 1000);
