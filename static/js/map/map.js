// The map of templates/map/_drawing.html: reads the graph that stands in the page, draws it, and follows it. The socket has that part of the page fetched
// again as it has others; what is drawn then changes in place. Without scripts the page shows the table.

import { keep, viewOf } from "./kept.js";
import { MessagePath, stepsOf } from "./message_path.js";
import { placesFor } from "./places.js";
import { Sheet } from "./sheet.js";

const still = matchMedia("(prefers-reduced-motion: reduce)");
let live = null;

class LiveMap {
  constructor(frame) {
    this.frame = frame;
    this.empty = frame.cloneNode(true);
    this.part = (name) => frame.querySelector(`[data-map-${name}]`);
    this.view = viewOf(location.href);
    this.search = stepsIn(location.search);
    this.places = null;
    this.round = 0;
    frame.hidden = false;
    this.sheet = new Sheet(this.part("sheet"), (text) => (this.part("said").textContent = text));
    this.path = new MessagePath(this.part("path"), this.sheet.svg, stepsOf(location.search), {
      layer: this.sheet.objects, index: () => this.sheet.index, reveal: (id) => this.sheet.view.reveal(this.sheet.boxOf(id)), still: () => still.matches,
    });
    const { view } = this.sheet;
    const zooms = { closer: () => view.zoomBy(1.25), farther: () => view.zoomBy(0.8), fit: () => this.sheet.fit() };
    const show = () => frame.toggleAttribute("data-open", true) && this.follow();
    const others = { show, again: () => this.follow(true), svg: () => this.save("svg"), png: () => this.save("png") };
    for (const [name, act] of Object.entries({ ...zooms, ...others })) this.part(name).addEventListener("click", act);
  }

  /** An empty frame in place of this one. */
  renewed() {
    this.empty.toggleAttribute("data-open", this.frame.hasAttribute("data-open"));
    this.frame.replaceWith(this.empty);
    return this.empty;
  }

  /** The graph that the page holds now. `again`: arranged anew. */
  async follow(again = false) {
    const text = graphText();
    if (!text || (text === this.text && !again) || !this.part("sheet").clientWidth) return; // a phone draws on request
    if (text !== this.text) this.graph = JSON.parse((this.text = text));
    await this.draw(again);
  }

  async draw(again = false, { graph } = this) {
    this.sheet.update(graph, !still.matches && !this.isOld(graph) && !document.body.matches(".past"));
    this.showAge();
    if (again || (this.arranging ?? this.places?.structure) !== graph.structure) await this.arrange(graph, again);
    else this.mark();
  }

  /** Figures of the same graph, in the order of its nodes and edges; of another one they are too late. */
  renew({ form, nodes, rates, ...rest }) {
    if (form !== this.graph?.form) return;
    Object.assign(this.graph, rest);
    nodes.forEach((figures, at) => Object.assign(this.graph.nodes[at], figures));
    rates.forEach((rate, at) => (this.graph.edges[at].rate = rate));
    this.draw();
  }

  async arrange({ structure }, again) {
    const round = ++this.round;
    this.arranging = structure;
    const draw = (places, name) => {
      if (round !== this.round) return;
      this.sheet.place(places, (!this.places || again) && !this.sheet.view.touched);
      this.frame.dataset.drawn = name;
      this.mark();
    };
    let early = null;
    const meanwhile = (places) => !this.places && draw((early = places), "early");
    const found = await placesFor(this.sheet.index, structure, this.view, this.frame.dataset.worker, { again, before: this.places, meanwhile });
    if (round !== this.round) return;
    const isInUse = early && (this.sheet.view.touched || this.sheet.svg.contains(document.activeElement)); // nothing moves away from under a reader
    const places = isInUse ? { ...early, structure } : found;
    if (again) this.sheet.view.touched = false;
    draw(places, places.note || isInUse ? "columns" : "whole");
    this.places = places;
    this.arranging = null;
    keep(this.view, places);
    this.part("note").textContent = places.note ?? "";
    if (!this.isShown) this.path.go(this.path.at); // somebody may have gone on while it was drawn early
    this.isShown = true;
  }

  mark() {
    this.sheet.mark(this.sheet.graph.focus);
    this.path.show();
  }

  isOld(graph = this.sheet.graph) {
    return graph?.stale || ["stale", "reconnecting"].includes(document.getElementById("live-badge")?.dataset.state);
  }

  // What can't be refreshed stays, grey, with its age.
  showAge() {
    const { at } = this.sheet.graph ?? {};
    const isOld = this.isOld();
    this.frame.toggleAttribute("data-old", isOld);
    this.part("age").textContent = isOld && at ? `As of ${at.slice(11, 19)} UTC; not refreshed since.` : "";
  }

  async save(kind) {
    const { svg, objects, view, graph } = this.sheet;
    try {
      const { saveAs } = await import("./picture.js");
      objects.catchUp(() => true);
      objects.render(() => true);
      objects.describe();
      await saveAs(kind, svg, objects, view.bounds, `Map${graph.at ? `, ${graph.at.slice(0, 19).replace("T", " ")} UTC` : ""}`);
      this.part("failed").textContent = "";
    } catch {
      const other = kind === "png" ? " Save it as SVG, or show less of it." : "";
      this.part("failed").textContent = `The map was not saved: the browser could not make the ${kind.toUpperCase()}.${other}`;
    } finally {
      this.sheet.seen();
      for (const title of svg.querySelectorAll("title")) title.replaceChildren(); // each one would be kept up to date
    }
  }
}

const stepsIn = (query) => new URLSearchParams(query).get("path");
const graphText = () => document.getElementById("map-data")?.textContent.trim();

function find() {
  const frame = document.querySelector("[data-map]");
  if (!frame) live = null;
  else if (live?.frame !== frame) live = new LiveMap(frame);
  else if (live.view !== viewOf(location.href) || live.search !== stepsIn(location.search)) live = new LiveMap(live.renewed());
  live?.follow();
}

// What is drawn is not in the page that htmx fetches for another filter: it stays, and `find` draws anew what the address shows.
window.Idiomorph.defaults.callbacks.beforeNodeMorphed = (node) => !node.matches?.("[data-map]");
document.addEventListener("hareline:parts", find);
// Where the drawing is there, and nothing but its figures has changed, the server sends these alone: there is nothing to swap.
document.addEventListener("htmx:configRequest", ({ target, detail }) => {
  if (target.dataset.part === "map" && live?.graph) detail.headers["Hareline-Form"] = live.graph.form;
});
document.addEventListener("htmx:beforeSwap", ({ target, detail }) => {
  if (target.dataset.part !== "map" || !detail.shouldSwap || !detail.xhr.getResponseHeader("Content-Type")?.includes("json")) return;
  detail.shouldSwap = false;
  live?.renew(JSON.parse(detail.serverResponse));
});
still.addEventListener("change", () => live?.graph && live.draw());
// Esc shows everything again, once nothing else is open; at a past moment it leaves that.
document.addEventListener("keydown", ({ key, target }) => {
  const isBusy = document.querySelector("dialog[open], .menu[open], :popover-open, .moment-now") || target.matches("input, select, textarea");
  if (key === "Escape" && !isBusy) document.querySelector("[data-map-clear]")?.click();
}, true);
const badge = document.getElementById("live-badge");
if (badge) new MutationObserver(() => live?.sheet.graph && live.showAge()).observe(badge, { attributeFilter: ["data-state"] });
find();
