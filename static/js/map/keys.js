// The keyboard: one stop of Tab for the whole map, arrows along its edges, Enter opens since every node is a link.

import { textOf } from "./graph.js";

const ALONG = { ArrowRight: 1, ArrowLeft: -1 };
const ZOOM = { "+": 1.25, "=": 1.25, "-": 0.8 };
const PAN = { ArrowRight: [-60, 0], ArrowLeft: [60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] };

/** The node that a key leads to from another, and the edge between them if there is one: {id, edge}; null: nowhere. Nodes without a position, which are still
 *  being arranged, are passed over. */
export function next(key, id, { nodes, out, into, column }, positions) {
  const [x, y] = positions[id];
  const placed = [...nodes.keys()].filter((other) => positions[other]);
  const nearest = (ids) => ids.toSorted((a, b) => Math.abs(positions[a][1] - y) - Math.abs(positions[b][1] - y))[0];
  const direction = ALONG[key];
  if (direction) {
    const isBeyond = (other) => positions[other] && (positions[other][0] - x) * direction > 1;
    const ends = [...out.get(id).map((edge) => [edge.to, edge]), ...into.get(id).map((edge) => [edge.from, edge])].filter(([other]) => isBeyond(other));
    const found = nearest(ends.map(([other]) => other));
    if (found) return { id: found, edge: ends.find(([other]) => other === found)[1] };
    const beyond = placed.filter(isBeyond);
    const distance = Math.min(...beyond.map((other) => Math.abs(positions[other][0] - x)));
    const aside = nearest(beyond.filter((other) => Math.abs(positions[other][0] - x) <= distance + 1));
    return aside ? { id: aside, edge: null } : null;
  }
  const inOrder = (a, b) => positions[a][1] - positions[b][1] || positions[a][0] - positions[b][0];
  const alike = placed.filter((other) => column.get(other) === column.get(id)).sort(inOrder);
  const at = { ArrowUp: alike.indexOf(id) - 1, ArrowDown: alike.indexOf(id) + 1, Home: 0, End: alike.length - 1 }[key];
  return alike[at] ? { id: alike[at], edge: null } : null;
}

/** Keys on the drawing `svg`. `at()`: the index and positions of now; `say(text)`: to a screen reader; `focus(id)`: moves the focus there. */
export function listen(svg, view, { at, say, focus }) {
  svg.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const done = moved(event, view) || walked(event, at(), say, focus);
    if (done) event.preventDefault();
  });
}

function moved({ key, shiftKey }, view) {
  if (ZOOM[key]) view.zoomBy(ZOOM[key]);
  else if (key === "0") view.refit();
  else if (shiftKey && PAN[key]) view.panBy(...PAN[key]);
  else return false;
  return true;
}

function walked({ key, target }, { index, positions }, say, focus) {
  const id = target.closest?.("[data-node]")?.dataset.node;
  if (!index?.nodes.has(id) || !(key in PAN || key === "Home" || key === "End")) return false;
  const found = next(key, id, index, positions);
  if (!found) return true;
  if (found.edge) say(textOf(found.edge));
  else if (ALONG[key]) say("No edge leads this way: the nearest node of the next column.");
  focus(found.id);
  return true;
}
