// The filter of a list: completion as a listbox, Tab takes, Backspace opens the last chip, "f" leads here. Without scripts it is a form.
// What can be completed comes from the page itself (?part=completion), asked for when the field is first used.

const PART = /(?:[^\s"]|"[^"]*"?)*$/;
const QUALIFIED = /^([A-Za-z][A-Za-z_-]*)([:=])(.*)$/s;
const OPTIONS_AT_MOST = 12;

class FilterField {
  constructor(form) {
    this.form = form;
    this.field = form.querySelector(".filter-field");
    this.chips = form.querySelector("[data-filter-chips]");
    this.list = form.querySelector("[data-filter-list]");
    this.said = form.querySelector("[data-filter-said]");
    this.options = [];
    this.at = -1;
    this.list.id = `${this.field.id}-options`;
    this.list.setAttribute("role", "listbox");
    this.list.setAttribute("aria-label", "Completions");
    for (const [name, value] of Object.entries({ role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": this.list.id })) this.field.setAttribute(name, value);
    this.field.addEventListener("focus", () => this.load(), { once: true });
    this.field.addEventListener("input", () => this.show());
    this.field.addEventListener("keydown", (event) => this.key(event));
    this.field.addEventListener("blur", () => this.hide());
    this.list.addEventListener("pointerdown", (event) => this.pick(event));
    form.addEventListener("submit", (event) => this.submit(event));
  }

  async load() {
    const address = new URL(location.href);
    address.searchParams.set("part", "completion");
    const answer = await fetch(address, { headers: { "HX-Request": "true" } }).catch(() => null);
    if (!answer?.ok) return; // the filter works without completion
    this.qualifiers = (await answer.json()).qualifiers;
    if (document.activeElement === this.field && this.field.value) this.show();
  }

  part() {
    return this.field.value.slice(0, this.field.selectionStart).match(PART)[0];
  }

  found() {
    const part = this.part();
    if (!this.qualifiers) return [];
    const [, name, sign, typed] = part.match(QUALIFIED) ?? [];
    const qualifier = this.qualifiers.find((one) => one.name === name?.toLowerCase());
    if (qualifier) {
      const wanted = typed.replaceAll('"', "").toLowerCase();
      return qualifier.values.filter(([text]) => text.toLowerCase().includes(wanted)).map(([text, note]) => ({ text: `${qualifier.name}${sign}${text}`, note, done: true }));
    }
    if (!part) return [];
    const begun = part.toLowerCase();
    return this.qualifiers.filter((one) => one.name.startsWith(begun)).map((one) => ({ text: `${one.name}${one.number ? ">" : ":"}`, shown: one.example, note: one.sentence, done: false }));
  }

  show() {
    this.options = this.found().slice(0, OPTIONS_AT_MOST);
    this.at = this.options.length ? 0 : -1;
    this.list.replaceChildren(...this.options.map((option, at) => this.element(option, at)), ...(this.options.length ? [keys()] : []));
    this.list.hidden = !this.options.length;
    this.field.setAttribute("aria-expanded", String(this.options.length > 0));
    this.said.textContent = this.options.length ? `${this.options.length} completion${this.options.length === 1 ? "" : "s"}` : "";
    this.mark();
  }

  element(option, at) {
    const row = Object.assign(document.createElement("div"), { className: "filter-option", id: `${this.list.id}-${at}` });
    row.setAttribute("role", "option");
    row.dataset.at = at;
    row.append(Object.assign(document.createElement("code"), { textContent: option.shown ?? option.text }), Object.assign(document.createElement("span"), { textContent: option.note }));
    return row;
  }

  mark() {
    this.list.querySelectorAll("[role=option]").forEach((row, at) => {
      row.setAttribute("aria-selected", String(at === this.at));
      if (at === this.at) row.scrollIntoView({ block: "nearest" });
    });
    if (this.at >= 0) this.field.setAttribute("aria-activedescendant", `${this.list.id}-${this.at}`);
    else this.field.removeAttribute("aria-activedescendant");
  }

  hide() {
    this.options = [];
    this.list.hidden = true;
    this.field.setAttribute("aria-expanded", "false");
    this.field.removeAttribute("aria-activedescendant");
  }

  take(option) {
    const end = this.field.selectionStart;
    const start = end - this.part().length;
    this.field.setRangeText(option.text + (option.done ? " " : ""), start, end, "end");
    if (option.done) this.hide();
    else this.show();
  }

  pick(event) {
    const row = event.target.closest("[role=option]");
    event.preventDefault(); // the field keeps the focus
    if (row) this.take(this.options[Number(row.dataset.at)]);
  }

  key(event) {
    const open = !this.list.hidden;
    const { key } = event;
    if (open && (key === "ArrowDown" || key === "ArrowUp")) {
      this.at = (this.at + (key === "ArrowDown" ? 1 : -1) + this.options.length) % this.options.length;
      this.mark();
    } else if (open && key === "Tab" && !event.shiftKey) this.take(this.options[this.at]);
    else if (open && key === "Escape") this.hide();
    else if (key === "Backspace" && this.field.selectionEnd === 0 && this.chips.lastElementChild) this.openLast();
    else return;
    event.preventDefault();
  }

  // The last chip becomes text again, to be changed.
  openLast() {
    const chip = this.chips.lastElementChild;
    const { value } = chip.querySelector("input");
    chip.remove();
    this.field.value = `${value} ${this.field.value}`.trimEnd();
    this.field.setSelectionRange(value.length, value.length);
    this.show();
  }

  // One `q` in the address, whatever stood in chips and field.
  submit(event) {
    event.preventDefault();
    const parts = [...this.form.querySelectorAll("[name=q]")].map((input) => input.value.trim()).filter(Boolean);
    const query = new URLSearchParams([...new FormData(this.form)].filter(([name, value]) => name !== "q" && value));
    if (parts.length) query.set("q", parts.join(" "));
    location.assign(`${this.form.getAttribute("action")}${query.size ? `?${query}` : ""}`);
  }
}

function keys() {
  const line = Object.assign(document.createElement("div"), { className: "filter-keys" });
  line.setAttribute("aria-hidden", "true");
  line.append(...["↑↓ choose", "Tab take", "Esc close"].map((textContent) => Object.assign(document.createElement("span"), { textContent })));
  return line;
}

for (const form of document.querySelectorAll("[data-filter]")) new FilterField(form);

document.addEventListener("keydown", (event) => {
  if (event.key !== "f" || event.ctrlKey || event.metaKey || event.altKey || event.target.closest?.("input, textarea, select, [contenteditable]")) return;
  const field = document.querySelector(".filter-field");
  if (!field) return;
  event.preventDefault();
  field.focus();
});
