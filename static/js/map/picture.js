// The map as a file: SVG with its styles written into it, or the same as PNG. The whole sheet, in the colours of the page's theme. Loaded when somebody
// saves one.

import { make } from "./svg.js";

const STROKE = ["stroke", "stroke-width", "stroke-dasharray", "stroke-linecap", "stroke-opacity"];
const STYLES = [...STROKE, "fill", "fill-opacity", "opacity", "font", "text-anchor", "paint-order", "color"];
const EDGE = 24;
const MOST_PIXELS = 16_000_000;
const NO_CHARACTER = /[^\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/gu; // of XML

/** The layer's drawing as a text of SVG, with its size: {text, width, height}. */
export function drawn(svg, layer, bounds, title) {
  const [width, height] = [Math.ceil(bounds.width + 2 * EDGE), Math.ceil(bounds.height + 2 * EDGE + 20)];
  const [x, y] = [bounds.left - EDGE, bounds.top - EDGE - 20];
  const copy = make("svg", { width, height, viewBox: `${x} ${y} ${width} ${height}` });
  const page = getComputedStyle(svg);
  const token = (name) => page.getPropertyValue(name).trim();
  const ground = make("rect", { x, y, width, height, fill: token("--hl-surface") });
  const head = make("text", { x: bounds.left, y: bounds.top - 18, fill: page.color, "font-family": page.fontFamily, "font-size": 13, "font-weight": 600 });
  head.textContent = title;
  const content = layer.group.cloneNode(true);
  write(layer.group, content);
  copy.append(ground, head, svg.querySelector("defs").cloneNode(true), content);
  for (const arrow of copy.querySelectorAll("marker path")) arrow.setAttribute("fill", token("--hl-edge"));
  return { text: new XMLSerializer().serializeToString(copy).replace(NO_CHARACTER, "\uFFFD"), width, height };
}

function write(from, to) {
  const style = getComputedStyle(from);
  if (style.display === "none" || from.matches(".map-ring, .map-dots")) return void to.remove();
  for (const name of STYLES) if (style.getPropertyValue(name)) to.style.setProperty(name, style.getPropertyValue(name));
  const copies = [...to.children];
  [...from.children].forEach((child, at) => write(child, copies[at]));
  if (to.localName === "a" && from.href?.baseVal) to.setAttribute("href", new URL(from.href.baseVal, location.href).href);
  for (const name of ["tabindex", "class"]) to.removeAttribute(name);
}

function save(blob, name) {
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** Saves the drawing as map.svg or map.png. Fails where the browser makes no picture of it. */
export async function saveAs(kind, svg, layer, bounds, title) {
  const { text, width, height } = drawn(svg, layer, bounds, title);
  if (kind === "svg") return save(new Blob([text], { type: "image/svg+xml" }), "map.svg");
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
  await image.decode();
  const scale = Math.min(2, Math.sqrt(MOST_PIXELS / (width * height)));
  const canvas = Object.assign(document.createElement("canvas"), { width: Math.round(width * scale), height: Math.round(height * scale) });
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  const blob = await new Promise((resolve) => canvas.toBlob(resolve));
  if (!blob) throw new Error("no picture");
  save(blob, "map.png");
}
