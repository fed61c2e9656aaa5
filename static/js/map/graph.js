// What the map's parts share: columns, sizes and texts of nodes, who is next to whom. No elements here.

export const COLUMNS = ["Publishers", "Exchanges and bindings", "Queues", "Consumers and workers"];
export const WIDTH = 176;
const COLUMN = { publisher: 0, exchange: 1, queue: 2, consumers: 3, worker: 3 };
const HEIGHT = { publisher: 44, exchange: 58, fold: 46, queue: 68, consumers: 46, worker: 56 };
const ENDS = { publish: [0, 1], binding: [1, 2], exchange: [1, 1], alternate: [1, 1], dead_letter: [2, 1], consume: [2, 3], shovel: [2, 2] };
const SHAPE = { info: "notice", warn: "warning", bad: "critical" };

/** The level as the style sheets name it. */
export const levelOf = ({ level }) => SHAPE[level] ?? level ?? "unknown";

export const heightOf = ({ kind }) => HEIGHT[kind] ?? 46;

/** Nodes by id, edges out of and into each, and the column of each: of what is folded, that of what its edges lead to. */
export function indexed(graph) {
  const nodes = new Map(graph.nodes.map((node) => [node.id, node]));
  const edges = graph.edges.filter((edge) => nodes.has(edge.from) && nodes.has(edge.to));
  const out = new Map(graph.nodes.map(({ id }) => [id, []]));
  const into = new Map(graph.nodes.map(({ id }) => [id, []]));
  const column = new Map(graph.nodes.map((node) => [node.id, COLUMN[node.kind] ?? COLUMN[node.type]]));
  for (const edge of edges) {
    out.get(edge.from).push(edge);
    into.get(edge.to).push(edge);
    const [from, to] = ENDS[edge.kind] ?? [];
    if (column.get(edge.from) === undefined) column.set(edge.from, from);
    if (column.get(edge.to) === undefined) column.set(edge.to, to);
  }
  for (const { id } of graph.nodes) column.set(id, column.get(id) ?? 1);
  return { nodes, edges, out, into, column };
}

const NUMBER = new Intl.NumberFormat("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 });

/** A rate as tables write it: "53.4", "<0.1", nothing where it is unknown. */
export function rateText(rate) {
  if (rate == null) return "";
  if (rate > 0 && rate < 0.1) return "<0.1";
  return rate < 999.9 ? rate.toFixed(1) : NUMBER.format(rate); // ten times faster
}

/** What the node's corner shows: how many messages a second leave a queue's publishers for it, or reach its workers. */
export const mainRate = ({ kind, in: into, out }) => (kind === "publisher" || into == null ? out : into);

/** A sentence about an edge, with its rate of now. */
export function textOf({ text, label, rate }) {
  const known = text || label || "";
  return known && rate != null ? `${known}, ${rateText(rate)} messages a second` : known;
}

/** Width of an edge's line: 1.2 where nothing moves or the rate is unknown, 7 at 53 a second, 12 at most. */
export const thickness = (rate) => Math.min(12, 1.2 + 3.3 * Math.log10(1 + (rate ?? 0)));

const KINDS = { fold: "folded group", vhost: "virtual host", consumers: "consumers", worker: "worker node" };
const LEVELS = { ok: "healthy", unknown: "state unknown" };

/** The name as people read it. */
export const nameOf = ({ name, kind }) => name || (kind === "exchange" ? "(default exchange)" : "unnamed");

/** One sentence about the node for a screen reader. */
export function spoken(node) {
  const level = levelOf(node);
  const rate = mainRate(node);
  const parts = [`${KINDS[node.kind] ?? node.kind} ${nameOf(node)}`, LEVELS[level] ?? level];
  parts.push(...(node.lines ?? []), ...(node.pattern ? [node.pattern] : []), ...(node.marks ?? []).map(({ text }) => text));
  if (node.slots?.of != null) parts.push(`${node.slots.used ?? "an unknown number"} of ${node.slots.of} slots used`);
  if (rate != null) parts.push(`${rateText(rate)} messages a second`);
  return [...parts, ...placeOf(node)].join(", ");
}

/** Several virtual hosts are shown at once, and have objects of one name. */
export const placeOf = ({ kind, vhost }) => (kind === "vhost" ? [] : [`virtual host ${vhost}`]);
