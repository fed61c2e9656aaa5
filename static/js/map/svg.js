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
const pens = new Map(); // font: {pen, widths}

/** The text, cut with "…" so that it is at most so wide in this font. */
export function fitted(text, width, font) {
  if (text.length * WIDEST <= width) return text;
  if (!pens.has(font)) pens.set(font, { pen: Object.assign(document.createElement("canvas").getContext("2d"), { font }), cut: new Map() });
  const { pen, cut } = pens.get(font);
  const key = `${width} ${text}`;
  if (cut.has(key)) return cut.get(key);
  if (cut.size > 5000) cut.clear();
  const letters = [...text];
  let shown = letters.length;
  if (pen.measureText(text).width > width) {
    let [low, high] = [0, Math.min(shown, 80)];
    while (low < high) {
      const half = Math.ceil((low + high) / 2);
      if (pen.measureText(`${letters.slice(0, half).join("")}…`).width <= width) low = half;
      else high = half - 1;
    }
    shown = low;
  }
  const found = shown < letters.length ? `${letters.slice(0, shown).join("")}…` : text;
  cut.set(key, found);
  return found;
}

// The shapes of levels as templates/components/_shape.html draws them.
const SHAPES = {
  notice: [["path", { d: "M8 1.6 14.4 8 8 14.4 1.6 8Z", fill: "currentColor" }]],
  warning: [
    ["path", { d: "M8 1.5 15.3 14H.7Z", fill: "currentColor", stroke: "currentColor", "stroke-linejoin": "round" }],
    ["path", { class: "shape-sign", d: "M8 6v4M8 12v.2" }],
  ],
  critical: [["path", { d: "M5 .8h6L15.2 5v6L11 15.2H5L.8 11V5Z", fill: "currentColor" }], ["path", { class: "shape-sign", d: "M8 4v4.8M8 11.6v.2" }]],
  unknown: [
    ["circle", { cx: 8, cy: 8, r: 6.7, fill: "none", stroke: "currentColor", "stroke-width": 1.3, "stroke-dasharray": "2.6 1.6" }],
    ["path", { d: "M6.3 6.6a1.7 1.7 0 1 1 2.4 1.5c-.5.3-.7.5-.7 1M8 11.2v.2", fill: "none", stroke: "currentColor", "stroke-width": 1.3, "stroke-linecap": "round" }],
  ],
};

/** The shape of a level in a group; of a healthy one, nothing: a healthy map is nearly colourless. */
export function shape(group, level) {
  if (group.dataset.level === level) return;
  group.dataset.level = level;
  group.replaceChildren(...(SHAPES[level] ?? []).map(([name, attributes]) => make(name, attributes)));
}
