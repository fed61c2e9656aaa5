// A form that changes something goes once: its button says so, and comes back with the page if the browser returns to it.

for (const form of document.querySelectorAll("form[data-busy]")) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.gone) return void event.preventDefault();
    form.dataset.gone = "yes";
    const button = form.querySelector("button:not([type])");
    button.setAttribute("aria-disabled", "true");
    button.querySelector("span").textContent = `${form.dataset.busy}…`;
  });
}
addEventListener("pageshow", ({ persisted }) => persisted && document.querySelector("form[data-gone]") && location.reload());
