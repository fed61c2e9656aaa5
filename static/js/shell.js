// The frame made quicker: theme without a reload, menus that close, keys, and the finder. All of it works without.

import { isTyping } from "./choices.js";
import { openFinder } from "./finder.js";

document.addEventListener("htmx:configRequest", ({ target, detail }) => {
  if (target.matches(".theme-switch")) detail.parameters.theme = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
});
document.addEventListener("hareline:theme", ({ detail: { value } }) => {
  for (const choice of document.querySelectorAll("[data-theme-form] [aria-pressed]")) choice.setAttribute("aria-pressed", String(choice.value === value));
});

// Somebody went back before htmx was there to load the page of that address anew
document.addEventListener("DOMContentLoaded", () => {
  const [loaded] = performance.getEntriesByType("navigation");
  if (loaded.name.split("#")[0] !== location.href.split("#")[0]) location.reload();
});

const openMenus = () => document.querySelectorAll("details.menu[open]");
document.addEventListener("click", ({ target }) => {
  for (const menu of openMenus()) if (!menu.contains(target)) menu.open = false;
});

document.addEventListener("keydown", (event) => {
  const { key, target } = event;
  const control = event.ctrlKey || event.metaKey;
  const plain = !control && !event.altKey && !isTyping(target);
  if (key === "Escape") {
    for (const menu of openMenus()) {
      if (menu.contains(document.activeElement)) menu.querySelector("summary").focus();
      menu.open = false;
    }
  } else if (key === "?" && plain) document.querySelector("[data-shortcuts]").click();
  else if ((key === "/" && plain) || (key.toLowerCase() === "k" && control && !event.altKey)) {
    event.preventDefault();
    openFinder();
  }
});
