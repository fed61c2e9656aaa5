// The whole sheet in a corner, with a frame around what is seen; a click or a drag moves there. Only where not everything is visible.

import { levelOf } from "./graph.js";
import { make, set } from "./svg.js";

const [WIDTH, HEIGHT, EDGE] = [168, 108, 6];

export class Minimap {
  constructor(sheet, view) {
    this.view = view;
    this.svg = make("svg", { class: "map-mini", width: WIDTH, height: HEIGHT, "aria-hidden": "true", focusable: "false" }, sheet);
    this.boxes = make("g", {}, this.svg);
    this.frame = make("rect", { class: "map-mini-frame" }, this.svg);
    this.svg.addEventListener("pointerdown", (event) => {
      this.svg.setPointerCapture(event.pointerId);
      this.go(event);
    });
    this.svg.addEventListener("pointermove", (event) => event.buttons && this.go(event));
  }

  /** `boxes`: {left, top, width, height, node} of each. */
  draw(boxes, bounds) {
    this.bounds = bounds;
    this.scale = Math.min((WIDTH - 2 * EDGE) / bounds.width, (HEIGHT - 2 * EDGE) / bounds.height);
    this.boxes.setAttribute("transform", `translate(${EDGE} ${EDGE}) scale(${this.scale}) translate(${-bounds.left} ${-bounds.top})`);
    this.boxes.replaceChildren(...boxes.map(({ left, top, width, height, node }) => make("rect", { x: left, y: top, width, height, "data-level": levelOf(node) })));
    this.show();
  }

  show() {
    if (!this.bounds) return;
    const { view, bounds, scale } = this;
    const [left, top] = [-view.x / view.scale, -view.y / view.scale];
    const [width, height] = [view.width / view.scale, view.height / view.scale];
    const isWhole = left <= bounds.left && top <= bounds.top && left + width >= bounds.left + bounds.width && top + height >= bounds.top + bounds.height;
    this.svg.toggleAttribute("data-needless", isWhole);
    const at = (value, from) => Math.round(EDGE + (value - from) * scale);
    const frame = { x: at(left, bounds.left), y: at(top, bounds.top), width: Math.round(width * scale), height: Math.round(height * scale) };
    for (const [name, value] of Object.entries(frame)) set(this.frame, name, value);
  }

  go({ clientX, clientY }) {
    const { left, top } = this.svg.getBoundingClientRect();
    this.view.centreOn((clientX - left - EDGE) / this.scale + this.bounds.left, (clientY - top - EDGE) / this.scale + this.bounds.top);
  }
}
