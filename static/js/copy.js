// Buttons that copy the text of another element (data-copy: its id); where a page has no clipboard they stay hidden.

const COPIED_FOR = 2000;

const show = () => document.querySelectorAll("[data-copy]").forEach((button) => button.toggleAttribute("hidden", !navigator.clipboard));
show();
document.addEventListener("hareline:parts", show);
document.addEventListener("click", async ({ target }) => {
  const button = target.closest?.("[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
  const words = button.querySelector("span");
  const before = words?.textContent;
  button.dataset.copied = "";
  button.title = "Copied";
  if (words) words.textContent = "Copied";
  setTimeout(() => {
    delete button.dataset.copied;
    button.title = "";
    if (words) words.textContent = before;
  }, COPIED_FOR);
});
