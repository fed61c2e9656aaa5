// Where things are: by elkjs the first time, where they were afterwards. What is new on a known map gets a place beside its neighbours; only where
// most of a map is new, or on “Arrange again”, everything is arranged again.

import { curves, inColumns, placedBeside } from "./columns.js";
import { byElk } from "./elk_layout.js";
import { recall } from "./kept.js";

const MOST_NEW = 0.5; // of the nodes
const WAIT = 120; // milliseconds until there is something to see, where arranging takes longer
const MANY = 200; // nodes and edges: with so many it surely does, and it is seen in the same frame as the rest of the page

/** {positions, routes, structure, note}: `note` says why the layout is a simpler one, or is empty. `again`: without what was kept. `meanwhile` is called
 *  with plain columns where arranging takes a moment, so that there is something to see. */
export async function placesFor(index, structure, view, workerAddress, { again = false, before = null, meanwhile = () => {} } = {}) {
  const known = again ? null : before ?? recall(view);
  const ids = [...index.nodes.keys()];
  const fresh = known?.positions ? ids.filter((id) => !known.positions[id]).length : ids.length;
  if (known?.structure === structure && !fresh && index.edges.every(({ id }) => known.routes[id])) return known;
  if (ids.length && fresh / ids.length <= MOST_NEW) return { ...beside(index, known), structure };
  return { ...(await arranged(index, workerAddress, meanwhile)), structure };
}

function beside(index, known) {
  const positions = placedBeside(index, known.positions);
  const own = curves(index, positions);
  const routes = Object.fromEntries(index.edges.map(({ id }) => [id, known.routes[id] ?? own[id]]));
  return { positions, routes, note: known.note ?? "" };
}

async function arranged(index, workerAddress, meanwhile) {
  if (!index.nodes.size) return { positions: {}, routes: {}, note: "" };
  const arranging = byElk(index, workerAddress); // in its worker meanwhile
  const early = () => meanwhile(columned(index, ""));
  const timer = index.nodes.size + index.edges.length < MANY ? setTimeout(early, WAIT) : early();
  try {
    return { ...(await arranging), note: "" };
  } catch (error) {
    return columned(index, `${error.message} The map is drawn in plain columns instead.`);
  } finally {
    clearTimeout(timer);
  }
}

function columned(index, note) {
  const positions = inColumns(index);
  return { positions, routes: curves(index, positions), note };
}
