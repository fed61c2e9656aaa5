// An edge of the map: its line as thick as its rate, dots that move where messages move, and what is written on it.

import { levelOf, textOf, thickness } from "./graph.js";
import { fitted, isolated, make, put, set } from "./svg.js";

const BACKWARD = ["alternate", "dead_letter", "federation", "shovel"];
const LONGEST_LABEL = 200;
const FONT = "11px monospace";

export class EdgeDrawing {
  constructor(edge, lines, labels) {
    this.group = make("g", { class: "map-edge", "data-kind": edge.kind, "data-edge": edge.id }, lines);
    this.path = make("path", { class: "map-way", ...(BACKWARD.includes(edge.kind) ? { "marker-end": "url(#map-arrow)" } : {}) }, this.group);
    this.labels = labels;
  }

  // A line keeps its width until that is a pixel and a quarter of it off, which is hard to see: another one is styled, laid out and painted anew.
  update(edge, moves) {
    this.edge = edge;
    if (this.title?.firstChild) this.describe();
    const key = `${edge.rate} ${edge.level} ${edge.label} ${edge.change} ${moves}`;
    if (key === this.key) return;
    this.key = key;
    const width = Math.round(2 * thickness(edge.rate)) / 2;
    const isWider = !edge.rate || !(Math.abs(width - this.width) < Math.max(1, this.width / 4));
    if (isWider) set(this.path, "stroke-width", (this.width = width));
    set(this.group, "data-level", levelOf(edge));
    set(this.group, "data-change", edge.change ?? "");
    if (isWider || this.text !== edge.label) Object.assign(this, { text: edge.label }).write();
    this.move(moves ? edge.rate : 0);
  }

  describe = () => put((this.title ??= make("title", {}, this.group)), textOf(this.edge));

  // Faster where more messages move: three speeds.
  move(rate) {
    if (!rate) return void (this.dots = this.dots?.remove());
    this.dots ??= make("path", { class: "map-dots", d: this.path.getAttribute("d") ?? "" }, this.group);
    set(this.dots, "data-speed", rate < 1 ? "slow" : rate < 20 ? "steady" : "fast");
    set(this.dots, "data-on", this.width > 4 ? "band" : "line");
  }

  lead({ d, label }) {
    set(this.path, "d", d);
    if (this.dots) set(this.dots, "d", d);
    this.at = label;
    this.write();
  }

  // Above its line, as long as there is room between the boxes. Where few are seen at once, `isNear` of those makes them: hundreds take long.
  write(isNear = false) {
    if (!this.at || !(this.text || this.label) || !(isNear || this.label || this.labels.dataset.sparse == null)) return;
    this.label ??= make("text", { class: "map-label", "data-edge": this.edge.id }, this.labels);
    const [x, y, room] = this.at;
    put(this.label, isolated(fitted(this.text, Math.min(LONGEST_LABEL, room), FONT)));
    set(this.label, "x", x);
    set(this.label, "y", Math.round(y - this.width / 2 - 4));
  }

  remove = () => [this.group, this.label].forEach((part) => part?.remove());
}
