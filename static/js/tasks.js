// The pages of tasks: ages, newer tasks on demand, and the timeline of a task that goes on.

import "./copy.js";
import { outdated, renewNow } from "./live_page.js";
import "./times.js";

const TIMELINE_EVERY = 3000;
const ENDED = ["SUCCESS", "FAILURE", "REVOKED", "REJECTED", "UNKNOWN"];

// "12 newer tasks" is a link to the first page; here the table alone is renewed, when it is asked for
document.addEventListener("click", (event) => {
  const renewing = event.target.closest?.("[data-renew]");
  if (!renewing || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  renewNow(renewing.dataset.renew.split(" "));
});

// A list without rows fills itself with the first that come; a list with rows is left in its order
document.addEventListener("hareline:parts", ({ detail: { part } }) => {
  if (part !== "table") return;
  const table = document.querySelector("[data-part=table]");
  table.dataset.follows = table.querySelector("tbody") ? "table" : "tasks workers table";
  outdated(["newer"]);
});

setInterval(() => {
  const task = document.querySelector(".task-page");
  if (task && !ENDED.includes(task.dataset.state)) outdated(["timeline"]);
}, TIMELINE_EVERY);
