// The filter of a list: the server completes the word before the cursor, Tab takes, Backspace opens the last chip, "f" leads here.
// Without scripts it is a form.

import { choose, chosenIn, step } from "./choices.js";

const WORD = /(?:[^\s"]|"[^"]*"?)*$/;
const wordIn = (field) => field.value.slice(0, field.selectionStart).match(WORD)[0];
const isField = (element) => element.id === "filter";
const list = () => document.getElementById("filter-options");

function show(field, open) {
  const count = open ? list().querySelectorAll("[role=option]").length : 0;
  list().hidden = !count;
  field.setAttribute("aria-expanded", String(count > 0));
  document.getElementById("filter-said").textContent = count ? `${count} completion${count === 1 ? "" : "s"}` : "";
  choose(field, list(), count ? undefined : null);
}

function take(field, { dataset }) {
  const end = field.selectionStart;
  field.setRangeText(dataset.text + ("done" in dataset ? " " : ""), end - wordIn(field).length, end, "end");
  show(field, false);
  complete(field);
}

const complete = (field) => field.dispatchEvent(new Event("input", { bubbles: true }));

// The last chip becomes text again, to be changed.
function openLast(field, chip) {
  const { value } = chip.querySelector("input");
  chip.remove();
  field.value = `${value} ${field.value}`.trimEnd();
  field.setSelectionRange(value.length, value.length);
  complete(field);
}

function pressed(event) {
  const { target: field, key } = event;
  const open = !list().hidden;
  const chip = field.closest("form").querySelector("[data-filter-chips] > :last-child");
  if (open && step(event, list())) return;
  if (open && key === "Tab" && !event.shiftKey) {
    if (list().ariaBusy !== "true") take(field, chosenIn(list())); // else these are the options of another word
  } else if (open && key === "Escape") show(field, false);
  else if (key === "Backspace" && field.selectionEnd === 0 && chip) openLast(field, chip);
  else return;
  event.preventDefault();
}

// One `q` in the address, whatever stood in chips and field
function query(form) {
  const { q, ...rest } = Object.fromEntries(new FormData(form));
  const text = new FormData(form).getAll("q").map((part) => part.trim()).filter(Boolean).join(" ");
  return text ? { ...rest, q: text } : rest;
}

document.addEventListener("htmx:configRequest", (event) => {
  const { target, detail } = event;
  if (target.matches("[data-filter]")) detail.parameters = query(target);
  if (!isField(target)) return;
  detail.parameters = { typed: wordIn(target) };
  if (wordIn(target)) return;
  event.preventDefault();
  show(target, false);
});
document.addEventListener("input", ({ target }) => {
  if (isField(target)) list().ariaBusy = "true";
});
document.addEventListener("htmx:afterSwap", ({ target }) => {
  if (target !== list()) return;
  list().ariaBusy = "false";
  show(document.getElementById("filter"), isField(document.activeElement));
});
document.addEventListener("keydown", (event) => {
  if (isField(event.target)) return pressed(event);
  if (event.key !== "f" || event.ctrlKey || event.metaKey || event.altKey || event.target.closest?.("input, textarea, select, [contenteditable]")) return;
  event.preventDefault();
  document.getElementById("filter")?.focus();
});
document.addEventListener("focusout", ({ target }) => isField(target) && show(target, false));
document.addEventListener("pointerdown", (event) => {
  if (!event.target.closest?.("#filter-options")) return;
  event.preventDefault(); // the field keeps the focus
  const option = event.target.closest("[role=option]");
  if (option) take(document.getElementById("filter"), option);
});
