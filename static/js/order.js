// A list that is sorted by a live number gets out of order: it is fetched again, but only while nobody points at it or stands in it.

import { outdated } from "./live_parts.js";
import { numbersOf } from "./live_rows.js";

function isOutOfOrder(table) {
  const { sort } = table.dataset;
  const sign = sort.startsWith("-") ? -1 : 1;
  const values = [...table.querySelectorAll("tbody [data-live]")].map((row) => numbersOf(row.id)[sort.replace("-", "")]).filter((value) => value != null);
  return values.some((value, at) => at > 0 && sign * (value - values[at - 1]) < 0);
}

document.addEventListener("hareline:tick", () => {
  const table = document.querySelector("table[data-sort]:not(:hover, :focus-within)");
  if (table && isOutOfOrder(table)) outdated(["order"]);
});
