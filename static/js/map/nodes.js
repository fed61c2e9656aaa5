// A node of the map: a link with its box, name, rate, level, depth and slots. Made once, then changed in place where its facts changed.

import { heightOf, levelOf, mainRate, nameOf, placeOf, rateText, spoken, WIDTH } from "./graph.js";
import { fitted, isolated, make, put, set, shape } from "./svg.js";

const LEFT = 13;
const RADIUS = { publisher: 22, exchange: 4, queue: 9, fold: 23 };
const MOST_SLOTS = 16;
const SIGNS = { came: "+", gone: "−", changed: "~" };
const BAR = WIDTH - 2 * LEFT - 26;
const family = () => getComputedStyle(document.body).fontFamily;
let fonts = null;

export class NodeDrawing {
  constructor(node, layer) {
    const height = heightOf(node);
    const radius = RADIUS[node.kind] ?? 6;
    fonts ??= { name: `600 13px ${family()}`, line: `400 11px ${family()}` };
    this.link = make("a", { class: "map-node", "data-kind": node.kind, "data-node": node.id, tabindex: -1 }, layer);
    make("rect", { class: "map-ring", x: -4, y: -4, width: WIDTH + 8, height: height + 8, rx: radius + 4 }, this.link);
    make("rect", { class: "map-box", width: WIDTH, height, rx: radius }, this.link);
    if (node.kind === "exchange") make("path", { class: "map-side", d: `M5.5 1V${height - 1}` }, this.link);
    const left = (this.left = node.kind === "publisher" ? 18 : LEFT);
    this.name = make("text", { class: "map-name", x: left, y: 19 }, this.link);
    this.rate = make("text", { class: "map-rate", x: WIDTH - LEFT, y: 19 }, this.link);
    this.line = make("text", { class: "map-line", x: left, y: 35 }, this.link);
    this.pattern = ["exchange", "queue"].includes(node.kind) ? make("text", { class: "map-line map-pattern", x: left, y: 49 }, this.link) : null;
    this.sign = make("g", { class: "map-sign", transform: `translate(${WIDTH - 27} 24)` }, this.link);
    if (node.kind === "queue") {
      this.ground = make("rect", { class: "map-depth-ground", x: left, y: height - 10, width: WIDTH - 2 * left, height: 4, rx: 2 }, this.link);
      this.depth = make("rect", { class: "map-depth", x: left, y: height - 10, width: 0, height: 4, rx: 2 }, this.link);
    }
    this.slots = node.kind === "worker" ? make("g", { class: "map-slots", transform: `translate(${left} ${height - 17})` }, this.link) : null;
  }

  update(node) {
    this.node = node;
    const facts = JSON.stringify(node);
    if (facts === this.facts) return;
    this.facts = facts;
    if (node.href) set(this.link, "href", node.href);
    else this.link.removeAttribute("href");
    const level = levelOf(node);
    const rate = rateText(mainRate(node));
    const line = node.change ? `${SIGNS[node.change]} ${node.lines[0]}` : node.slots ? "" : (node.lines ?? []).join(", "); // slots take its place
    set(this.link, "data-level", level);
    set(this.link, "data-change", node.change ?? "");
    set(this.link, "aria-label", spoken(node));
    put(this.rate, rate);
    put(this.name, isolated(fitted(nameOf(node), WIDTH - this.left - LEFT - (rate ? 8 + 7 * Math.max(4, rate.length) : 0), fonts.name)));
    put(this.line, isolated(fitted(line, WIDTH - this.left - LEFT - 18, fonts.line)));
    if (this.pattern) put(this.pattern, fitted(node.pattern ?? "", WIDTH - this.left - LEFT, fonts.line));
    shape(this.sign, level);
    if (this.depth) this.fill(node);
    this.drawSlots(node.slots);
    if (this.title?.firstChild) this.describe();
  }

  describe() {
    const { lines, pattern, marks } = this.node;
    const known = [...(lines ?? []), ...(pattern ? [pattern] : []), ...(marks ?? []).map(({ text }) => text)];
    put((this.title ??= make("title", {}, this.link)), [nameOf(this.node), ...known, ...placeOf(this.node)].join("\n"));
  }

  // Full is the queue's own highest depth; a depth that is unknown is a dashed outline, not an empty bar.
  fill({ messages, capacity }) {
    const whole = WIDTH - 2 * this.left;
    set(this.ground, "data-unknown", messages == null ? "yes" : "no");
    set(this.depth, "width", messages ? Math.max(2, Math.round(whole * Math.min(1, messages / Math.max(capacity ?? messages, messages)))) : 0);
  }

  // Squares, or a bar where there are many.
  drawSlots(slots) {
    const { used, of } = slots ?? {};
    const key = `${used} ${of}`;
    if (key === this.slotsDrawn) return;
    this.slotsDrawn = key;
    const slot = (kind, place) => make("rect", { class: `map-slot ${kind}`, ...place, height: 8, rx: 2 });
    const bar = () => [slot("", { width: BAR }), slot("map-slot-used", { width: Math.round((BAR * (used ?? 0)) / of) })];
    const square = (_, at) => slot(used == null ? "map-slot-unknown" : at < used ? "map-slot-used" : "", { x: at * 9, width: 7 });
    this.slots?.replaceChildren(...(of > MOST_SLOTS ? bar() : Array.from({ length: of ?? 0 }, square)));
  }

  moveTo = ([x, y]) => set(this.link, "transform", `translate(${x} ${y})`);

  remove = () => this.link.remove();
}
