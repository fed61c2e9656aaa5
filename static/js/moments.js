// A past moment: Esc returns to now, the link can be copied, and the slider takes the moment that is pointed at. All of it works without, as links.

import "./copy.js";

// First it closes what is open, or leaves the field
document.addEventListener("keydown", ({ key, target }) => {
  if (key !== "Escape" || document.querySelector("dialog[open], .menu[open], :popover-open") || target.matches("input, select, textarea")) return;
  document.querySelector(".moment-now").click();
}, true);

document.querySelector(".moment-slider")?.addEventListener("click", (event) => {
  const link = event.target.closest("a");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || !event.detail) return; // a key presses the link as it is
  const slider = event.currentTarget;
  const { left, width } = slider.getBoundingClientRect();
  const [start, end] = slider.dataset.moments.split(" ").map(Date.parse);
  const address = new URL(link.href.baseVal ?? link.href, location.href);
  address.searchParams.set("at", new Date(Math.round((start + ((event.clientX - left) / width) * (end - start)) / 1000) * 1000).toISOString().replace(".000", ""));
  event.preventDefault();
  location.assign(address);
});
