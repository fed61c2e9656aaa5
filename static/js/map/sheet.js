// The drawing as a whole: its layers (objects, applications, virtual hosts), the view on it, and what the focus and the pointer light up.

import { curves, inColumns } from "./columns.js";
import { COLUMNS, heightOf, indexed, WIDTH } from "./graph.js";
import { listen } from "./keys.js";
import { Layer } from "./layer.js";
import { detailAt, merged, NEAREST } from "./merged.js";
import { Minimap } from "./minimap.js";
import { make, set } from "./svg.js";
import { HEAD, View } from "./zoom.js";

const LEGIBLE = 0.62; // the scale at which names can be read
const TALLEST = 68;

// The smallest box around boxes.
function around(boxes) {
  if (!boxes.length) return { left: 0, top: 0, width: WIDTH, height: 60 };
  const [left, top] = [Math.min(...boxes.map((box) => box.left)), Math.min(...boxes.map((box) => box.top))];
  return { left, top, width: Math.max(...boxes.map((box) => box.left + box.width)) - left, height: Math.max(...boxes.map((box) => box.top + box.height)) - top };
}

export class Sheet {
  constructor(place, say) {
    const label = "Map. Arrow keys follow edges, Enter opens, plus and minus zoom.";
    this.svg = make("svg", { class: "map-svg", role: "group", "aria-label": label, "data-detail": "object", tabindex: -1 }, place);
    const size = { viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 8, markerHeight: 8 };
    const marker = make("marker", { id: "map-arrow", ...size, markerUnits: "userSpaceOnUse", orient: "auto" }, make("defs", {}, this.svg));
    make("path", { class: "map-arrow", d: "M0 .5 8 4 0 7.500Z" }, marker);
    this.world = make("g", {}, this.svg);
    this.strip = make("rect", { class: "map-strip", x: -1, y: -1, width: "102%", height: HEAD }, this.svg);
    this.heads = COLUMNS.map((name) => Object.assign(make("text", { class: "map-column", y: 22, "aria-hidden": "true" }, this.svg), { textContent: name }));
    this.objects = new Layer(null, "object"); // until it is placed: elements are made several times faster where nothing is rendered yet
    this.groups = new Layer(this.svg, "group");
    this.groups.show(false);
    this.positions = {};
    this.view = new View(this.svg, this.world, { changed: () => this.seen(), refit: () => this.fit(), begin: () => this.begin() });
    this.minimap = new Minimap(place, this.view);
    this.current = null; // the node that Tab leads to
    listen(this.svg, this.view, { at: () => (this.svg.dataset.detail === "object" ? this : this.small), say, focus: (id) => this.focus(id) });
    for (const name of ["focusin", "pointerover"]) this.svg.addEventListener(name, ({ target }) => this.light(target, true));
    for (const name of ["focusout", "pointerout"]) this.svg.addEventListener(name, (event) => this.dim(event));
    this.svg.addEventListener("focusin", ({ target }) => this.focused(target));
    this.svg.addEventListener("click", (event) => this.open(event));
    this.svg.addEventListener("keydown", (event) => event.key === "Enter" && this.open(event));
  }

  /** The facts of now, in place; where the structure is another one, `place` follows. */
  update(graph, moving) {
    if (graph !== this.graph) this.index = indexed(graph);
    Object.assign(this, { graph, moving });
    const placed = this.index.edges.filter(({ from, to }) => this.positions[from] && this.positions[to]);
    const known = graph.nodes.filter(({ id }) => this.positions[id]);
    this.objects.update({ nodes: known, edges: placed }, moving, (facts) => this.isSeen(facts));
    if (this.detail && this.detail !== "object") this.merge();
  }

  place({ positions, routes }, fit) {
    Object.assign(this, { positions, routes });
    this.objects.update({ nodes: this.graph.nodes, edges: this.index.edges }, this.moving);
    this.objects.place(positions, routes);
    if (!this.objects.group.parentNode) this.world.append(this.objects.group);
    const boxes = this.graph.nodes.map((node) => ({ ...this.boxOf(node.id), node }));
    this.view.bounds = around(boxes);
    this.minimap.draw(boxes, this.view.bounds);
    if (!this.index.nodes.has(this.current)) this.current = this.graph.nodes[0]?.id ?? null;
    this.rove();
    this.detail = null;
    if (fit) this.begin();
    else this.view.show();
  }

  /** How a map is first seen: all of it where it can be read, else as large as can be read, around the focus or the middle. */
  begin() {
    const { view, graph, index } = this;
    if (!index || view.scaleOf(view.bounds) >= LEGIBLE) return view.fit();
    view.fit(index.nodes.has(graph.focus) && this.positions[graph.focus] ? this.boxOf(graph.focus) : view.bounds, LEGIBLE);
  }

  /** All of it: its objects, or where these would be too small to read, its applications. */
  fit() {
    const { view } = this;
    if (view.scaleOf(view.bounds) >= NEAREST.application || !this.index) return view.fit();
    view.fit(view.bounds, (NEAREST.application + NEAREST.vhost) / 2);
  }

  seen() {
    const detail = detailAt(this.view.scale);
    if (this.index && detail !== this.detail) this.change(detail);
    if (detail === "object" && this.index) this.objects.catchUp((facts) => this.isSeen(facts));
    this.objects.render((facts) => this.isSeen(facts));
    this.minimap?.show();
    this.showHeads();
  }

  // Another layer is shown: what the pointer or the focus is on is in the middle of it, and what had the focus has it as part of a group, or on its own.
  change(detail) {
    const { pointed, detail: before } = this;
    const isWalked = document.activeElement !== this.svg && this.svg.contains(document.activeElement);
    this.detail = detail;
    set(this.svg, "data-detail", detail);
    this.objects.show(detail === "object");
    this.groups.show(detail !== "object");
    if (detail !== "object") this.merge(detail);
    if (before && detail === "object" && pointed) this.view.fit(around(this.boxesOf(pointed)), this.view.scale);
    this.pointed = null;
    if (before && isWalked) this.focus(detail === "object" ? this.current : this.groupNow());
  }

  // Whether a node, or the box around both ends of an edge, is in the view.
  isSeen({ id, from, to }) {
    const { x, y, scale, width, height } = this.view;
    if (this.detail !== "object") return false;
    const [a, b] = [this.positions[from ?? id], this.positions[to ?? id]];
    if (!a || !b) return false;
    const [left, right] = [Math.min(a[0], b[0]) * scale + x, (Math.max(a[0], b[0]) + WIDTH) * scale + x];
    const [top, bottom] = [Math.min(a[1], b[1]) * scale + y, (Math.max(a[1], b[1]) + TALLEST) * scale + y];
    return right > 0 && left < width && bottom > 0 && top < height;
  }

  // Groups are drawn on their own, so that they can be read whatever the size of the sheet.
  merge(detail = this.detail) {
    const small = merged(this.index, detail);
    const index = indexed(small);
    const positions = inColumns(index);
    const boxes = small.nodes.map((node) => ({ left: positions[node.id][0], top: positions[node.id][1], width: WIDTH, height: heightOf(node) }));
    this.small = { ...small, index, positions, bounds: around(boxes) };
    this.groups.update({ nodes: small.nodes, edges: index.edges }, false);
    this.groups.place(positions, curves(index, positions));
    const { scale, x, y } = this.view.around(this.small.bounds);
    set(this.groups.group, "transform", `translate(${Math.round(x)} ${Math.round(y)}) scale(${scale.toFixed(3)})`);
    for (const { link } of this.groups.nodes.values()) set(link, "role", "button");
    this.rove();
  }

  // The names of the columns stay at the top, each over its first node, where there is room for them.
  showHeads() {
    let end = 0;
    this.strip.toggleAttribute("hidden", this.detail !== "object");
    this.heads.forEach((head, column) => {
      const xs = Object.entries(this.positions).filter(([id]) => this.index?.column.get(id) === column).map(([, [x]]) => x);
      const x = Math.min(...xs) * this.view.scale + this.view.x;
      const isShown = xs.length > 0 && this.detail === "object" && x >= end && x < this.view.width - 60;
      head.toggleAttribute("hidden", !isShown);
      if (!isShown) return;
      set(head, "x", Math.round(x));
      end = x + 7 * COLUMNS[column].length + 16;
    });
  }

  focus(id) {
    if (this.positions[id]) this.view.reveal(this.boxOf(id));
    const { link } = this.objects.nodes.get(id) ?? this.groups.nodes.get(id);
    link.focus({ preventScroll: true });
    link.scrollIntoView({ block: "nearest" }); // the page: the sheet may be higher than the window
  }

  focused(target) {
    const id = target.closest("[data-node]")?.dataset.node;
    const members = this.groupOf(target)?.members;
    if (members && !members.includes(this.current)) this.current = members.find((member) => this.positions[member]) ?? this.current;
    if (this.index?.nodes.has(id)) this.current = id;
    this.rove();
    if (this.positions[id] && target.matches(":focus-visible")) this.view.reveal(this.boxOf(id));
  }

  boxOf(id) {
    const [left, top] = this.positions[id];
    return { left, top, width: WIDTH, height: heightOf(this.index.nodes.get(id)) };
  }

  // Of a group's members, but those that are still being arranged.
  boxesOf = ({ members }) => members.filter((id) => this.positions[id]).map((id) => this.boxOf(id));

  // One stop of Tab for the objects, and one for the groups.
  rove() {
    const near = [this.current, this.groupNow()];
    for (const [id, { link }] of [...this.objects.nodes, ...this.groups.nodes]) set(link, "tabindex", near.includes(id) ? 0 : -1);
  }

  groupNow = () => this.small?.nodes.find(({ members }) => members.includes(this.current))?.id;

  // The edge, or the edges of the node, that the pointer or the focus is on, and their labels.
  light(target, isNear) {
    const { node, edge } = target.closest?.("[data-node], [data-edge]")?.dataset ?? {};
    this.pointed = isNear ? this.groupOf(target) : null;
    if (isNear) for (const layer of [this.objects, this.groups]) layer.describe(target);
    const near = [...(this.index?.out.get(node) ?? []), ...(this.index?.into.get(node) ?? [])].map(({ id }) => id);
    for (const id of [edge, ...near]) {
      const drawing = this.objects.edges.get(id);
      if (isNear) drawing?.write(true);
      for (const part of [drawing?.group, drawing?.label]) part?.toggleAttribute("data-near", isNear);
    }
  }

  // What the focus is on stays lit when the pointer leaves it, and the other way round.
  dim({ target, type }) {
    this.light(target, false);
    const other = type === "pointerout" ? document.activeElement : this.svg.querySelector(":is([data-node], [data-edge]):hover");
    if (this.svg.contains(other)) this.light(other, true);
  }

  groupOf(target) {
    const id = target.closest?.("[data-layer=group] [data-node]")?.dataset.node;
    return this.small?.nodes.find((node) => node.id === id);
  }

  // A group opens by coming nearer.
  open(event) {
    const node = this.groupOf(event.target);
    if (!node) return;
    event.preventDefault();
    const bounds = around(this.boxesOf(node));
    this.view.fit(bounds, Math.max(LEGIBLE, this.view.scaleOf(bounds)));
    this.view.touched = true;
  }

  mark(name) {
    if (name === this.marked && this.objects.nodes.get(name)?.link.hasAttribute("data-focus")) return;
    this.marked = name;
    for (const [id, { link }] of this.objects.nodes) link.toggleAttribute("data-focus", id === name);
  }
}
