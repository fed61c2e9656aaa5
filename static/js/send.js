// The send page: the question as a modal dialog, focus on the first field that is wrong, and the sent task followed to its end.

import { outdated } from "./live_page.js";
import "./once.js";

const question = document.querySelector("[data-question]");
if (question?.showModal) {
  question.removeAttribute("open");
  question.showModal();
} else document.querySelector('.send-form [aria-invalid="true"]')?.focus();

// Before the task is stored there is no row to listen to, and what the queue does tells only the broker: asked until it has ended
const EVERY = 1000;
const goesOn = () => document.querySelector(".course > li[data-progress='now']");
const followed = document.querySelector("[data-goes-on]");
let timer = followed && setInterval(() => {
  if (goesOn()) return outdated(["follow"]);
  clearInterval(timer);
  timer = null;
}, EVERY);
document.addEventListener("hareline:row", ({ detail: { key } }) => {
  if (key.startsWith("task-") && followed) outdated(["follow"]);
});

// Where it will go follows the form while somebody types; the answer comes escaped, from the same template as the page
const form = document.querySelector("form[data-predict]");
const panel = document.querySelector("[data-prediction]");
let typing = null;
let asking = null;
form?.addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(predict, 400);
});

async function predict() {
  asking?.abort();
  asking = new AbortController();
  try {
    const answer = await fetch(form.dataset.predict, { method: "POST", body: new FormData(form), headers: { "HX-Request": "true" }, signal: asking.signal });
    if (!answer.ok) return;
    panel.replaceChildren(new DOMParser().parseFromString(`<template>${await answer.text()}</template>`, "text/html").querySelector("template").content);
  } catch (error) {
    if (error.name !== "AbortError" && !(error instanceof TypeError)) throw error; // TypeError: the network; the next letter asks again
  }
}
