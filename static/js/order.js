// A list that is sorted by a live number gets out of order: it is asked for again, but only while nobody points at it or stands in it.
// The counts of the ready-made filters above it are renewed likewise, less often.

import { outdated } from "./live_page.js";

const ORDER_EVERY = 10_000;
const COUNTS_EVERY = 15_000;
const numbers = new Map(); // row key: numbers
let ordered = performance.now();
let counted = performance.now();

document.addEventListener("hareline:row", ({ detail: { key, number } }) => numbers.set(key, number));

function outOfOrder(table) {
  const sort = table.dataset.sort;
  const field = sort.replace("-", "");
  const sign = sort.startsWith("-") ? -1 : 1;
  const values = [...table.querySelectorAll("tbody [data-live]")].map((row) => numbers.get(row.id)?.[field]).filter((value) => value != null);
  return values.some((value, at) => at > 0 && sign * (value - values[at - 1]) < 0);
}

document.addEventListener("hareline:tick", () => {
  const now = performance.now();
  if (now - counted > COUNTS_EVERY && document.querySelector("[data-part=views]")) {
    counted = now;
    outdated(["views"]);
  }
  const table = document.querySelector("table[data-sort]");
  if (!table || now - ordered < ORDER_EVERY || table.matches(":hover, :focus-within")) return;
  if (outOfOrder(table)) {
    ordered = now;
    outdated(["table"]);
  }
});
