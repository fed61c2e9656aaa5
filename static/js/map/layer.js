// One drawing of a graph: nodes and edges by id, added, changed in place and removed as the graph has them, and put where a layout says.

import { EdgeDrawing } from "./edges.js";
import { NodeDrawing } from "./nodes.js";
import { make } from "./svg.js";

const MOST_MOVING = 24; // edges with dots, the busiest: each costs paint in every frame
const MOST_LABELLED = 200; // edges: of more, labels lie on each other and are shown of what is pointed at or walked to

export class Layer {
  constructor(world, name) {
    this.group = make("g", { class: "map-layer", "data-layer": name }, world);
    [this.lines, this.labels, this.boxes] = ["lines", "labels", "boxes"].map((part) => make("g", { class: `map-${part}` }, this.group));
    for (const part of [this.lines, this.labels]) part.setAttribute("aria-hidden", "true"); // the keyboard reads an edge that it follows, and the table all
    this.nodes = new Map();
    this.edges = new Map();
    this.late = []; // facts of what is out of view
  }

  /** `moving`: whether dots may move. What `isSeen` (of a node's or an edge's facts) leaves out changes only once it comes into view. */
  update({ nodes, edges }, moving, isSeen = () => true) {
    const flowing = moving ? edges.filter((edge) => edge.rate > 0 && isSeen(edge)).sort((a, b) => b.rate - a.rate) : [];
    this.busiest = new Set(flowing.slice(0, MOST_MOVING).map(({ id }) => id));
    const fresh = new Set();
    this.labels.toggleAttribute("data-sparse", edges.length > MOST_LABELLED);
    this.match(this.nodes, nodes, (node) => fresh.add(node.id) && new NodeDrawing(node, this.boxes));
    this.match(this.edges, edges, (edge) => fresh.add(edge.id) && new EdgeDrawing(edge, this.lines, this.labels));
    this.late = [...nodes, ...edges];
    this.catchUp((facts) => fresh.has(facts.id) || isSeen(facts));
  }

  catchUp(isSeen) {
    const change = (facts) => (facts.from ? this.edges : this.nodes).get(facts.id).update(facts, this.busiest.has(facts.id));
    this.late = this.late.filter((facts) => !isSeen(facts) || void change(facts));
  }

  /** Of nodes out of view only the links are left: the browser goes through everything that is rendered whenever it paints a change. */
  render(isSeen) {
    for (const { link, node } of this.nodes.values()) link.toggleAttribute("data-away", !isSeen(node));
  }

  /** Writes the tooltips of the node and the edge that an element belongs to, without one of everything: only when somebody looks. What has one renews it. */
  describe(element) {
    const near = [this.nodes.get(element?.closest("[data-node]")?.dataset.node), this.edges.get(element?.closest("[data-edge]")?.dataset.edge)];
    for (const drawing of element ? near : [...this.nodes.values(), ...this.edges.values()]) drawing?.describe();
  }

  match(drawings, wanted, draw) {
    const ids = new Set(wanted.map(({ id }) => id));
    for (const [id, drawing] of drawings) if (!ids.has(id) && drawings.delete(id)) drawing.remove();
    for (const each of wanted) if (!drawings.has(each.id)) drawings.set(each.id, draw(each));
  }

  place(positions, routes) {
    for (const [id, drawing] of this.nodes) drawing.moveTo(positions[id]);
    for (const [id, drawing] of this.edges) if (routes[id]) drawing.lead(routes[id]);
  }

  show = (isShown) => this.group.toggleAttribute("hidden", !isShown);
}
