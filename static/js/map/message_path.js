// The path of one message, lit up step by step: `?path=exchange-5~queue-17,queue-18~worker-2`, steps from the first exchange on, with the nodes
// that a step reaches at once. The address holds the path, so a link from a question or a test task shows it.

import { nameOf, textOf } from "./graph.js";

const PACE = 1600; // milliseconds a step, while it plays

/** [[id, …], …] of an address's query. */
export const stepsOf = (query) => (new URLSearchParams(query).get("path") ?? "").split("~").map((step) => step.split(",").filter(Boolean)).filter((step) => step.length);

export class MessagePath {
  constructor(bar, svg, steps, { layer, index, reveal, still }) {
    Object.assign(this, { bar, svg, steps, layer, index, reveal, still, at: 0, playing: null });
    bar.hidden = !steps.length;
    if (!steps.length) return;
    const on = (name, act) => bar.querySelector(`[data-path-${name}]`).addEventListener("click", act);
    on("back", () => this.go(this.at - 1));
    on("on", () => this.go(this.at + 1));
    on("play", () => this.play());
  }

  go(step) {
    if (!this.steps.length) return;
    this.at = Math.max(0, Math.min(this.steps.length - 1, step));
    this.show();
    const [first] = this.steps[this.at].filter((id) => this.layer.nodes.has(id));
    if (first) this.reveal(first);
  }

  play() {
    const isPlaying = this.playing !== null;
    clearInterval(this.playing);
    this.playing = null;
    if (isPlaying || this.still()) return void (isPlaying || this.go(this.at + 1)); // with reduced motion each press is a step
    if (this.at === this.steps.length - 1) this.go(0);
    this.playing = setInterval(() => {
      this.go(this.at + 1);
      if (this.at === this.steps.length - 1) this.play();
    }, PACE);
  }

  /** Marks what the steps so far have reached; again after each change of the drawing. */
  show() {
    const index = this.index();
    if (!this.steps.length || !index) return;
    const stepOf = new Map(this.steps.flatMap((ids, step) => ids.map((id) => [id, step])));
    const lit = (step) => (step === undefined || step > this.at ? "no" : step === this.at ? "now" : "yes");
    this.svg.toggleAttribute("data-path", true);
    for (const [id, { link }] of this.layer.nodes) link.dataset.lit = lit(stepOf.get(id));
    const taken = [];
    for (const edge of index.edges) {
      const [from, to] = [stepOf.get(edge.from), stepOf.get(edge.to)];
      const isTaken = from !== undefined && to === from + 1;
      if (isTaken && to === this.at) taken.push(textOf(edge));
      const drawing = this.layer.edges.get(edge.id); // none yet of what is new and still being arranged
      if (isTaken) drawing?.write(true);
      for (const part of [drawing?.group, drawing?.label]) if (part) part.dataset.lit = isTaken ? lit(to) : "no";
    }
    this.bar.querySelector("[data-path-said]").textContent = this.sentence(index, taken);
    this.bar.querySelector("[data-path-back]").setAttribute("aria-disabled", String(this.at === 0));
    this.bar.querySelector("[data-path-on]").setAttribute("aria-disabled", String(this.at === this.steps.length - 1));
  }

  sentence(index, taken) {
    const nodes = this.steps[this.at].map((id) => index.nodes.get(id));
    const names = nodes.map((node) => (node ? nameOf(node) : "something that is not on this map"));
    return `Step ${this.at + 1} of ${this.steps.length}: ${names.join(", ")}${taken.length ? ` (${taken.filter(Boolean).join("; ")})` : ""}`;
  }
}
