// Making elements of SVG, and the few drawings that several parts use.

const NAMESPACE = "http://www.w3.org/2000/svg";

/** An element with attributes, in a parent if there is one. */
export function make(name, attributes = {}, parent = null) {
  const element = document.createElementNS(NAMESPACE, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  parent?.append(element);
  return element;
}

/** Sets an attribute only where it is another one, so that nothing is drawn again. */
export function set(element, name, value) {
  if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
}

/** Sets a text only where it is another one, in the same text node: a new one would be styled anew. */
export function put(element, text) {
  if (!element.firstChild) element.textContent = text;
  else if (element.firstChild.data !== text) element.firstChild.data = text;
}

/** Keeps a name in its own direction and away from what stands beside it. */
export const isolated = (text) => `\u2068${text}\u2069`;

const WIDEST = 14; // pixels of a letter: a text that is short enough need not be measured
const pens = new Map(); // font: {pen, widths, cut}

/** The text, cut with "…" so that it is at most so wide in this font. Letters are measured once; those beyond ASCII may join, so their text is measured. */
export function fitted(text, width, font) {
  if (text.length * WIDEST <= width) return text;
  const pen = pens.get(font)?.pen ?? Object.assign(document.createElement("canvas").getContext("2d"), { font });
  if (!(pens.get(font)?.cut.size < 5000)) pens.set(font, { pen, widths: {}, cut: new Map() });
  const { widths, cut } = pens.get(font);
  const key = `${width} ${text}`;
  if (/[^ -~]/.test(text)) return cut.get(key) ?? (cut.set(key, cutAt([...text], width, pen)), cut.get(key));
  const widthOf = (letter) => (widths[letter] ??= pen.measureText(letter).width);
  let [wide, end] = [0, 0]; // of the letters until now; how many of them leave room for the sign
  for (let at = 0; at < text.length && wide <= width; at += 1) if ((wide += widthOf(text[at])) <= width - widthOf("…")) end = at + 1;
  return wide <= width ? text : `${text.slice(0, end)}…`;
}

function cutAt(letters, width, pen) {
  const isIn = (text) => pen.measureText(text).width <= width;
  let [low, high] = isIn(letters.join("")) ? [letters.length, 0] : [0, Math.min(letters.length, 80)];
  while (low < high) {
    const half = Math.ceil((low + high) / 2);
    [low, high] = isIn(`${letters.slice(0, half).join("")}…`) ? [half, high] : [low, half - 1];
  }
  return letters.slice(0, low).join("") + (low < letters.length ? "…" : "");
}

// The shapes of levels as templates/components/_shape.html draws them.
const SHAPES = {
  notice: [["path", { d: "M8 1.6 14.4 8 8 14.4 1.6 8Z", fill: "currentColor" }]],
  warning: [["path", { d: "M8 1.5 15.3 14H.7Z", fill: "currentColor", stroke: "currentColor", "stroke-linejoin": "round" }],
    ["path", { class: "shape-sign", d: "M8 6v4M8 12v.2" }]],
  critical: [["path", { d: "M5 .8h6L15.2 5v6L11 15.2H5L.8 11V5Z", fill: "currentColor" }], ["path", { class: "shape-sign", d: "M8 4v4.8M8 11.6v.2" }]],
  unknown: [["circle", { cx: 8, cy: 8, r: 6.7, fill: "none", stroke: "currentColor", "stroke-width": 1.3, "stroke-dasharray": "2.6 1.6" }],
    ["path", { d: "M6.3 6.6a1.7 1.7 0 1 1 2.4 1.5c-.5.3-.7.5-.7 1M8 11.2v.2", fill: "none", stroke: "currentColor", "stroke-width": 1.3, "stroke-linecap": "round" }]],
};

/** The shape of a level in a group; of a healthy one, nothing: a healthy map is nearly colourless. */
export function shape(group, level) {
  if (group.dataset.level === level) return;
  group.dataset.level = level;
  group.replaceChildren(...(SHAPES[level] ?? []).map(([name, attributes]) => make(name, attributes)));
}
