// The filter of a list: the server completes the word before the cursor, Tab takes, Backspace opens the last chip, "f" leads here.
// Without scripts it is a form.

import { choose, chosenIn, isTyping, step } from "./choices.js";

const WORD = /(?:[^\s"]|"[^"]*"?)*$/;
const wordIn = (field) => field.value.slice(0, field.selectionStart).match(WORD)[0];
const isField = (element) => element.id === "filter";
const complete = (field) => field.dispatchEvent(new Event("input", { bubbles: true }));
const list = () => document.getElementById("filter-options");

function show(field, options = []) {
  list().replaceChildren(...options);
  field.setAttribute("aria-expanded", String(options.length > 0));
  choose(field, list());
}

function take(field, { dataset }) {
  const end = field.selectionStart;
  field.setRangeText(dataset.text + ("done" in dataset ? " " : ""), end - wordIn(field).length, end, "end");
  show(field);
  complete(field);
}

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
  const open = chosenIn(list());
  const chip = field.closest("form").querySelector("[data-filter-chips] > :last-child");
  if (open && step(event, list())) return;
  if (open && key === "Tab" && !event.shiftKey) {
    if (list().ariaBusy !== "true") take(field, open); // else these are the options of another word
  } else if (open && key === "Escape") show(field);
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
  show(target);
});
document.addEventListener("input", ({ target }) => isField(target) && list().setAttribute("aria-busy", "true"));
document.addEventListener("htmx:afterSwap", ({ target }) => {
  if (target !== list()) return;
  target.setAttribute("aria-busy", "false");
  show(document.getElementById("filter"), [...list().children]);
});
document.addEventListener("keydown", (event) => {
  if (isField(event.target)) return pressed(event);
  if (event.key !== "f" || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  event.preventDefault();
  document.getElementById("filter")?.focus();
});
document.addEventListener("focusout", ({ target }) => isField(target) && show(target));
document.addEventListener("pointerdown", (event) => {
  if (!event.target.closest?.("#filter-options")) return;
  event.preventDefault(); // the field keeps the focus
  const option = event.target.closest("[role=option]");
  if (option) take(document.getElementById("filter"), option);
});
