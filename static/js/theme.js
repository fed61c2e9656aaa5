/* Runs before the first paint, so that "auto" never flashes: light or dark as the system says, while the person has not chosen. */
(() => {
  const root = document.documentElement;
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  let choice = root.dataset.theme || "auto";
  const settle = () => { root.dataset.theme = choice === "auto" ? (dark.matches ? "dark" : "light") : choice; };
  dark.addEventListener("change", settle);
  document.addEventListener("hareline:theme", ({ detail }) => { choice = detail.value; settle(); });
  settle();
})();
