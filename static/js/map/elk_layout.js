// The layout by elkjs, in a worker of our own origin: positions and routes, or why there are none.

import "../../vendor/elk-api.js"; // sets window.ELK
import { smooth } from "./columns.js";
import { heightOf, WIDTH } from "./graph.js";

const LONGEST = 6000; // milliseconds, the worker's start included; plain columns are seen meanwhile
const OPTIONS = {
  "elk.algorithm": "layered", "elk.direction": "RIGHT",
  "elk.partitioning.activate": "true",
  "elk.separateConnectedComponents": "false", // columns are those of the whole map
  "elk.edgeRouting": "POLYLINE", // its splines take half as long again as all else
  "elk.layered.considerModelOrder.strategy": "NODES_AND_EDGES",
  "elk.layered.nodePlacement.strategy": "BRANDES_KOEPF", "elk.layered.nodePlacement.bk.fixedAlignment": "BALANCED",
  "elk.layered.spacing.nodeNodeBetweenLayers": "110",
  "elk.layered.spacing.edgeNodeBetweenLayers": "28",
  "elk.spacing.nodeNode": "14", "elk.spacing.edgeNode": "14",
};

let kept = null; // the worker and its ELK: a second layout takes half as long, since its code is compiled

/** {positions, routes}. Raises Error with words for the page: the worker was refused, or it took too long. */
export async function byElk(index, workerAddress, longest = LONGEST) {
  let timer = null;
  try {
    kept ??= started(workerAddress);
    const late = new Promise((_, reject) => (timer = setTimeout(reject, longest, new Error(`The layout took longer than ${longest / 1000} s.`))));
    return fromElk(await Promise.race([kept.elk.layout(toElk(index), { layoutOptions: OPTIONS }), kept.refused, late]));
  } catch (error) {
    kept?.worker.terminate();
    kept = null;
    if (error?.message?.startsWith("The ")) throw error;
    throw new Error("The layout failed.", { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

// A policy that forbids the worker raises at once in some browsers, and is an event in others.
function started(address) {
  const words = "The browser refused the layout worker.";
  let worker = null;
  try {
    worker = new Worker(address);
  } catch (error) {
    throw new Error(words, { cause: error });
  }
  const refused = new Promise((_, reject) => worker.addEventListener("error", () => reject(new Error(words))));
  refused.catch(() => {}); // handled where a layout waits for it
  return { worker, refused, elk: new window.ELK({ algorithms: ["layered"], workerFactory: () => worker }) };
}

function toElk({ nodes, edges, column }) {
  const inOrder = [...nodes.values()].toSorted((a, b) => column.get(a.id) - column.get(b.id));
  const part = ({ id }) => ({ "elk.partitioning.partition": String(column.get(id)) });
  return {
    id: "map",
    children: inOrder.map((node) => ({ id: node.id, width: WIDTH, height: heightOf(node), layoutOptions: part(node) })),
    edges: edges.map(({ id, from, to }) => ({ id: `edge ${id}`, sources: [from], targets: [to] })),
  };
}

// Bends lie at the edges of columns: between two of them a curve that leaves and arrives level, which is what `curves` draws too.
function fromElk({ children, edges }) {
  const positions = Object.fromEntries(children.map(({ id, x, y }) => [id, [Math.round(x), Math.round(y)]]));
  const points = ({ startPoint, bendPoints = [], endPoint }) => [startPoint, ...bendPoints, endPoint].map(({ x, y }) => [x, y]);
  return { positions, routes: Object.fromEntries(edges.map(({ id, sections }) => [id.slice(5), smooth(points(sections[0]))])) };
}
