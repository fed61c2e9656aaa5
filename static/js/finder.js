// The finder: a dialog in which the server searches while somebody types; arrow keys choose, Enter opens.

import { choose, chosenIn, step } from "./choices.js";

const dialog = document.getElementById("finder");
const field = dialog.querySelector(".finder-field");
const results = document.getElementById("finder-results");
const note = document.getElementById("finder-note");

export function openFinder() {
  if (!dialog.open) dialog.showModal();
  field.select();
}

document.addEventListener("click", (event) => {
  if (event.target === dialog) dialog.close(); // outside of its box
  if (!event.target.closest?.("[data-search] input, [data-search-open]")) return;
  event.preventDefault();
  openFinder();
});
field.addEventListener("keydown", (event) => {
  if (step(event, results) || event.key !== "Enter") return;
  event.preventDefault();
  chosenIn(results)?.click();
});
const say = (text) => () => note.replaceChildren(text);
field.addEventListener("htmx:beforeRequest", say("Searching…"));
results.addEventListener("htmx:afterSwap", () => choose(field, results));
for (const name of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) field.addEventListener(name, say("Search failed. Try again."));
