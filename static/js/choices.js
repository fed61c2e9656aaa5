// A list of choices (role=option) under a field: arrow keys choose, and the field names the chosen one to screen readers.

const optionsOf = (list) => [...list.querySelectorAll("[role=option]")];
export const isTyping = (target) => target instanceof HTMLElement && (target.isContentEditable || target.matches("input, textarea, select"));
export const chosenIn = (list) => list.querySelector("[role=option][aria-selected=true]");

/** Chooses an option, the first if none is named. */
export function choose(field, list, option = optionsOf(list)[0]) {
  for (const one of optionsOf(list)) one.setAttribute("aria-selected", String(one === option));
  option?.scrollIntoView({ block: "nearest" });
  if (option) field.setAttribute("aria-activedescendant", option.id);
  else field.removeAttribute("aria-activedescendant");
}

/** Lets an arrow key choose the next or the one before; true if it did. */
export function step(event, list) {
  const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const options = optionsOf(list);
  if (!by || !options.length) return false;
  event.preventDefault();
  choose(event.target, list, options.at((options.indexOf(chosenIn(list)) + by) % options.length));
  return true;
}
