/* The frame made quicker: theme without a reload, menus that close, the clock, terms beside their mark, and the finder. All of it works without. */
import { openFinder } from "./finder.js";

const TERM_GAP = 6;

function startTheme() {
  for (const form of document.querySelectorAll("[data-theme-form]")) {
    form.addEventListener("submit", (event) => {
      const button = event.submitter;
      if (button?.matches("[data-theme-switch]")) button.value = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
      const theme = button?.value;
      if (!theme) return;
      event.preventDefault();
      fetch(form.action, { method: "POST", body: new FormData(form, button), headers: { "X-Requested-With": "fetch" } });
      document.dispatchEvent(new CustomEvent("hareline:theme", { detail: theme }));
      for (const choice of document.querySelectorAll("[data-theme-form] [aria-pressed]")) choice.setAttribute("aria-pressed", String(choice.value === theme));
    });
  }
}

function startMenus() {
  const open = () => document.querySelectorAll("details.menu[open]");
  document.addEventListener("click", (event) => {
    for (const menu of open()) if (!menu.contains(event.target)) menu.open = false;
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of open()) {
      const inside = menu.contains(document.activeElement);
      menu.open = false;
      if (inside) menu.querySelector("summary").focus();
    }
  });
}

/* The browser puts a popover in the middle of the window; ours belongs below the "?" it explains. */
function placeTerm(event) {
  const text = event.target;
  if (!(text instanceof HTMLElement) || !text.classList.contains("term-text") || event.newState !== "open") return;
  const mark = document.querySelector(`[popovertarget="${CSS.escape(text.id)}"]`).getBoundingClientRect();
  const box = text.getBoundingClientRect();
  const below = mark.bottom + TERM_GAP + box.height < window.innerHeight;
  text.style.margin = "0";
  text.style.inset = "auto";
  text.style.left = `${Math.max(16, Math.min(mark.left, document.documentElement.clientWidth - box.width - 16))}px`;
  text.style.top = `${below ? mark.bottom + TERM_GAP : mark.top - TERM_GAP - box.height}px`;
}

function startClock() {
  const clock = document.querySelector("[data-clock]");
  if (!clock) return;
  const ahead = Date.parse(clock.dateTime) - Date.now(); // the server's clock counts, not the browser's
  const face = clock.querySelector("[data-text=clock]");
  const form = new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
  setInterval(() => {
    const part = Object.fromEntries(form.formatToParts(new Date(Date.now() + ahead)).map(({ type, value }) => [type, value]));
    face.textContent = `${part.weekday} ${part.day} ${part.month}, ${part.hour}:${part.minute}:${part.second}`;
  }, 1000);
}

function isTyping(target) {
  return target instanceof HTMLElement && (target.isContentEditable || target.matches("input, textarea, select"));
}

function startKeys() {
  document.addEventListener("keydown", (event) => {
    const plain = !event.ctrlKey && !event.metaKey && !event.altKey && !isTyping(event.target);
    const slash = event.key === "/" && plain;
    if (event.key === "?" && plain) document.querySelector("[data-shortcuts]").click();
    const ctrlK = event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey) && !event.altKey;
    if (!slash && !ctrlK) return;
    event.preventDefault();
    openFinder();
  });
}

startTheme();
startMenus();
startClock();
startKeys();
document.addEventListener("toggle", placeTerm, true);
