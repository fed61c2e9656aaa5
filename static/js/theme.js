/* Runs before the first paint, so that "auto" never flashes: light or dark as the system says, while the person has not chosen. */
(() => {
  const root = document.documentElement;
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  if (!root.dataset.theme) root.dataset.theme = "auto";
  root.dataset.themeChoice = root.dataset.theme;
  const settle = () => { root.dataset.theme = root.dataset.themeChoice === "auto" ? (dark.matches ? "dark" : "light") : root.dataset.themeChoice; };
  dark.addEventListener("change", settle);
  document.addEventListener("hareline:theme", (event) => { root.dataset.themeChoice = event.detail; settle(); });
  settle();
})();
