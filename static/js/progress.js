// A thin bar while something loads that a person has opened: a page by the browser itself, or the content of this one by htmx.

const show = (loading) => document.getElementById("progress").toggleAttribute("hidden", !loading);

addEventListener("beforeunload", () => show(true));
addEventListener("pageshow", () => show(false));
addEventListener("keydown", ({ key }) => key === "Escape" && show(false)); // it ends the browser's loading too

document.addEventListener("htmx:beforeRequest", ({ detail }) => detail.boosted && show(true));
document.addEventListener("htmx:afterRequest", ({ detail }) => detail.boosted && show(false));

// What htmx can't fetch the browser fetches: it shows what is wrong.
for (const name of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) {
  document.addEventListener(name, ({ detail }) => detail.boosted && location.assign(detail.pathInfo.finalRequestPath));
}
