// What of the sheet is seen: zoom by buttons, keys, Ctrl and wheel or two fingers; pan by dragging or keys; the whole of it by "fit".

import { set } from "./svg.js";

const LEAST = 0.1;
const MOST = 3;
const EDGE = 36;
export const HEAD = 34; // of the names of the columns

export class View {
  constructor(svg, world, { changed, refit, begin }) {
    Object.assign(this, { svg, world, changed, refit, begin, scale: 1, x: 0, y: 0, bounds: { left: 0, top: 0, width: 1, height: 1 } });
    Object.assign(this, { pointers: new Map(), touched: false });
    this.measure();
    svg.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    svg.addEventListener("pointerdown", (event) => this.down(event));
    svg.addEventListener("pointermove", (event) => this.move(event));
    for (const name of ["pointerup", "pointercancel"]) svg.addEventListener(name, (event) => this.pointers.delete(event.pointerId));
    svg.addEventListener("click", (event) => this.dragged && event.preventDefault(), { capture: true }); // a drag that ends on a link opens nothing
    svg.addEventListener("dragstart", (event) => event.preventDefault());
    new ResizeObserver(() => this.measure() && (this.touched ? this.show() : this.begin())).observe(svg);
  }

  measure() {
    const [width, height] = [this.svg.clientWidth, this.svg.clientHeight];
    const isOther = width !== this.width || height !== this.height;
    Object.assign(this, { width, height });
    return isOther;
  }

  show() {
    set(this.world, "transform", `translate(${this.x.toFixed(1)} ${this.y.toFixed(1)}) scale(${this.scale.toFixed(4)})`);
    this.changed(this);
  }

  /** The scale at which these bounds are all visible, never larger than life. */
  scaleOf(bounds) {
    return Math.min(1, (this.width - 2 * EDGE) / bounds.width, (this.height - HEAD - 2 * EDGE) / bounds.height);
  }

  /** {scale, x, y} with these bounds in the middle. */
  around(bounds, scale = this.scaleOf(bounds)) {
    const x = (this.width - bounds.width * scale) / 2 - bounds.left * scale;
    return { scale, x, y: HEAD + (this.height - HEAD - bounds.height * scale) / 2 - bounds.top * scale };
  }

  /** These bounds in the middle, all visible or at the given scale. */
  fit(bounds = this.bounds, scale = this.scaleOf(bounds)) {
    Object.assign(this, this.around(bounds, Math.min(MOST, Math.max(LEAST, scale))), { touched: false });
    this.show();
  }

  zoomBy(factor, x = this.width / 2, y = this.height / 2) {
    const scale = Math.min(MOST, Math.max(LEAST, this.scale * factor));
    const along = (at, was) => at - ((at - was) * scale) / this.scale;
    Object.assign(this, { x: along(x, this.x), y: along(y, this.y), scale, touched: true });
    this.show();
  }

  panBy(x, y) {
    Object.assign(this, { x: this.x + x, y: this.y + y, touched: true });
    this.show();
  }

  /** Moves as little as it takes to show the box, large enough to be read. */
  reveal({ left, top, width, height }, least = 0.6) {
    if (this.scale < least) this.zoomBy(least / this.scale);
    const [x, y] = [left * this.scale + this.x, top * this.scale + this.y];
    const short = (at, size, whole, before) => (at < before ? before - at : at + size > whole - EDGE ? Math.min(whole - EDGE - at - size, 0) : 0);
    this.panBy(short(x, width * this.scale, this.width, EDGE), short(y, height * this.scale, this.height, HEAD + EDGE));
  }

  centreOn = (x, y) => this.panBy(this.width / 2 - x * this.scale - this.x, this.height / 2 - y * this.scale - this.y);

  // The plain wheel scrolls the page, as everywhere; pinching a touch pad arrives as Ctrl and wheel.
  wheel(event) {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    const { left, top } = this.svg.getBoundingClientRect();
    this.zoomBy(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.002)), event.clientX - left, event.clientY - top);
  }

  down(event) {
    if (event.button) return;
    this.pointers.set(event.pointerId, [event.clientX, event.clientY]);
    this.dragged = false;
  }

  move(event) {
    const before = this.pointers.get(event.pointerId);
    if (!before) return;
    const after = [event.clientX, event.clientY];
    const [dx, dy] = [after[0] - before[0], after[1] - before[1]];
    if (!this.dragged && Math.hypot(dx, dy) < 5) return;
    if (!this.dragged) this.svg.setPointerCapture(event.pointerId);
    this.dragged = true;
    const other = [...this.pointers].find(([id]) => id !== event.pointerId)?.[1];
    this.pointers.set(event.pointerId, after);
    if (!other) return this.panBy(dx, dy);
    const { left, top } = this.svg.getBoundingClientRect();
    const apart = (point) => Math.max(20, Math.hypot(point[0] - other[0], point[1] - other[1]));
    this.zoomBy(apart(after) / apart(before), (after[0] + other[0]) / 2 - left, (after[1] + other[1]) / 2 - top);
  }
}
