// Our own layout, in columns: for browsers that refuse the layout worker, for graphs that take it too long, and for nodes that are new on a map
// whose other nodes stay where people found them. Pure: sizes and neighbours in, positions and curves out.

import { heightOf, WIDTH } from "./graph.js";

const PITCH = WIDTH + 110;
const GAP = 14;

const middle = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** {id: [x, y]} of all nodes: each in its column, exchanges that others feed one step further right, ordered by their neighbours so that few curves cross. */
export function inColumns(index) {
  const ranks = ranked(index);
  const columns = [];
  for (const [id, rank] of ranks) (columns[rank] ??= []).push(id);
  const lanes = columns.filter(Boolean);
  const order = new Map();
  const number = (ids) => ids.forEach((id, at) => order.set(id, at - ids.length / 2));
  lanes.forEach(number);
  const neighbours = (id) => [...index.out.get(id).map(({ to }) => to), ...index.into.get(id).map(({ from }) => from)].filter((other) => other !== id);
  for (let round = 0; round < 4; round += 1) {
    for (const ids of round % 2 ? [...lanes].reverse() : lanes) {
      const wish = new Map(ids.map((id) => [id, neighbours(id).length ? middle(neighbours(id).map((other) => order.get(other))) : order.get(id)]));
      number(ids.sort((a, b) => wish.get(a) - wish.get(b)));
    }
  }
  const found = {};
  lanes.forEach((ids, lane) => {
    let top = -(ids.reduce((sum, id) => sum + heightOf(index.nodes.get(id)) + GAP, 0) - GAP) / 2;
    for (const id of ids) {
      found[id] = [lane * PITCH, Math.round(top)];
      top += heightOf(index.nodes.get(id)) + GAP;
    }
  });
  return found;
}

// The column, with a fraction by how many exchanges come before: cycles of exchanges end the count.
function ranked({ nodes, into, column }) {
  const depth = new Map();
  const depthOf = (id, above) => {
    if (depth.has(id)) return depth.get(id);
    if (above.has(id) || above.size > 5) return 0;
    const before = into.get(id).filter(({ kind, from }) => column.get(from) === 1 && kind !== "dead_letter");
    const found = column.get(id) === 1 && before.length ? 1 + Math.max(...before.map(({ from }) => depthOf(from, new Set(above).add(id)))) : 0;
    depth.set(id, found);
    return found;
  };
  return [...nodes.keys()].map((id) => [id, column.get(id) * 10 + Math.min(9, depthOf(id, new Set()))]);
}

/** The positions of before, and places for what is new: in the column of its kind, as near to its neighbours as there is room. */
export function placedBeside(index, before) {
  const found = {};
  for (const id of index.nodes.keys()) if (before[id]) found[id] = before[id];
  const fallback = inColumns(index);
  for (const [id, node] of index.nodes) {
    if (found[id]) continue;
    const alike = Object.keys(found).filter((other) => index.column.get(other) === index.column.get(id));
    const x = alike.length ? found[alike.at(-1)][0] : xOfColumn(index, found, id, fallback);
    const near = [...index.out.get(id).map(({ to }) => to), ...index.into.get(id).map(({ from }) => from)].filter((other) => found[other]);
    const wish = near.length ? middle(near.map((other) => found[other][1])) : Math.max(0, ...Object.values(found).map(([, y]) => y)) + 80;
    const beside = Object.keys(found).filter((other) => Math.abs(found[other][0] - x) < WIDTH + 20);
    found[id] = [x, freeAt(wish, heightOf(node), beside.map((other) => [found[other][1], heightOf(index.nodes.get(other))]))];
  }
  return found;
}

function xOfColumn(index, found, id, fallback) {
  const right = Object.keys(found).filter((other) => index.column.get(other) > index.column.get(id)).map((other) => found[other][0]);
  const left = Object.keys(found).filter((other) => index.column.get(other) < index.column.get(id)).map((other) => found[other][0]);
  if (left.length) return Math.max(...left) + PITCH;
  return right.length ? Math.min(...right) - PITCH : fallback[id][0];
}

// The nearest y to the wish where a box of this height touches none of those taken [[y, height]].
function freeAt(wish, height, taken) {
  const isFree = (y) => taken.every(([top, tall]) => y + height + GAP <= top || y >= top + tall + GAP);
  const candidates = [wish, ...taken.flatMap(([top, tall]) => [top + tall + GAP, top - height - GAP])].filter(isFree);
  return Math.round(candidates.sort((a, b) => Math.abs(a - wish) - Math.abs(b - wish))[0] ?? wish);
}

/** {edge id: {d, label}}: a curve between the facing sides of two boxes; where several edges meet at a box, each has its own point. */
export function curves(index, positions) {
  const points = { from: new Map(), to: new Map() };
  for (const id of index.nodes.keys()) {
    const y = (other) => positions[other][1];
    spread(points.from, index.out.get(id).toSorted((a, b) => y(a.to) - y(b.to)), index.nodes.get(id), positions[id]);
    spread(points.to, index.into.get(id).toSorted((a, b) => y(a.from) - y(b.from)), index.nodes.get(id), positions[id]);
  }
  const drawn = ({ id, from, to }) => curve(positions[from][0], points.from.get(id), positions[to][0], points.to.get(id));
  return Object.fromEntries(index.edges.map((edge) => [edge.id, drawn(edge)]));
}

function spread(points, edges, node, [, top]) {
  const height = heightOf(node);
  const step = edges.length > 1 ? Math.min(7, (height - 14) / (edges.length - 1)) : 0;
  edges.forEach((edge, at) => points.set(edge.id, top + height / 2 + (at - (edges.length - 1) / 2) * step));
}

// From the side of one box that faces the other; of two in one column, around their right sides.
function curve(x1, y1, x2, y2) {
  if (x2 >= x1 + WIDTH) return smooth([[x1 + WIDTH, y1], [x2, y2]]);
  if (x2 + WIDTH <= x1) return smooth([[x1, y1], [x2 + WIDTH, y2]]);
  const out = Math.max(x1, x2) + WIDTH + 40;
  return { d: `M${x1 + WIDTH} ${y1}C${out} ${y1} ${out} ${y2} ${x2 + WIDTH} ${y2}`, label: [out - 8, Math.round((y1 + y2) / 2), 120] };
}

/** {d, label} of a line through the points that leaves and arrives level at each; the label [x, y, room] in the middle of its longest part. */
export function smooth(points) {
  const round = (value) => Math.round(value * 10) / 10;
  let d = `M${points[0].map(round).join(" ")}`;
  let [longest, label] = [-1, null];
  for (let at = 1; at < points.length; at += 1) {
    const [[x1, y1], [x2, y2]] = [points[at - 1], points[at]];
    const middle = round((x1 + x2) / 2);
    d += Math.abs(y1 - y2) < 1 ? `L${round(x2)} ${round(y2)}` : `C${middle} ${round(y1)} ${middle} ${round(y2)} ${round(x2)} ${round(y2)}`;
    if (Math.abs(x2 - x1) > longest) [longest, label] = [Math.abs(x2 - x1), [middle, round((y1 + y2) / 2), Math.max(50, Math.abs(x2 - x1) - 8)]];
  }
  return { d, label };
}
