// What the pure modules of static/js/map return for a few graphs, as JSON: tests/dashboard/test_map_drawing.py checks it.

import { curves, inColumns, placedBeside } from "./columns.js";
import { heightOf, indexed, rateText, spoken, thickness, WIDTH } from "./graph.js";
import { viewOf } from "./kept.js";
import { next } from "./keys.js";
import { detailAt, merged } from "./merged.js";
import { stepsOf } from "./message_path.js";

const node = (id, kind, more = {}) => ({ id, kind, name: id, vhost: "/", level: "ok", lines: [], marks: [], messages: null, capacity: null, in: null, out: null, slots: null, ...more });
const edge = (from, to, kind, rate = null) => ({ id: `${kind} ${from} ${to}`, from, to, kind, label: "", rate, level: "ok", text: `${from} to ${to}` });
const shop = {
  nodes: [
    node("cron", "publisher", { out: 2 }), node("api", "publisher", { out: 30 }), node("orders", "exchange", { in: 32 }), node("notify", "exchange"), node("dead", "exchange"),
    node("orders.eu", "queue", { messages: 5, in: 10 }), node("orders.us", "queue", { messages: 7, level: "bad" }), node("mail", "queue"), node("lonely", "queue", { vhost: "other" }),
    node("a@web-1", "worker", { slots: { used: 3, of: 8 } }), node("orders-*", "fold", { folded: 40 }),
  ],
  edges: [
    edge("cron", "orders", "publish", 2), edge("api", "orders", "publish", 30), edge("orders", "orders.eu", "binding", 10), edge("orders", "orders.us", "binding"), edge("orders", "orders-*", "binding"),
    edge("orders", "notify", "exchange"), edge("notify", "orders", "exchange"), edge("notify", "notify", "exchange"), edge("notify", "mail", "binding"), edge("orders.us", "dead", "dead_letter"),
    edge("orders.eu", "a@web-1", "consume", 4), edge("mail", "a@web-1", "consume", 1), edge("mail", "gone", "consume"),
  ],
};
const index = indexed(shop);
const positions = inColumns(index);
const boxes = (places, of) => Object.entries(places).map(([id, [x, y]]) => ({ id, left: x, top: y, right: x + WIDTH, bottom: y + heightOf(of.nodes.get(id)), column: of.column.get(id) }));

const grown = indexed({ nodes: [...shop.nodes.filter(({ id }) => id !== "mail"), node("orders.asia", "queue"), node("b@web-2", "worker")], edges: [...shop.edges, edge("orders", "orders.asia", "binding")] });
const after = placedBeside(grown, positions);

// Every node that keys lead to from each
const reached = Object.fromEntries(shop.nodes.map(({ id: start }) => {
  const found = new Set([start]);
  for (const id of found) for (const key of ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"]) found.add(next(key, id, index, positions)?.id ?? id);
  return [start, [...found].sort()];
}));

const mail = [node("mail", "queue", { broker: "prod" }), node("mail-*", "fold", { broker: "prod", type: "queue", folded: 40 }), node("mail ", "queue", { broker: "test" })];
const many = indexed({ nodes: Array.from({ length: 150 }, (_, at) => node(`q${at}`, "queue")), edges: [] });
console.log(JSON.stringify({
  columns: Object.fromEntries(index.column),
  boxes: boxes(positions, index),
  before: positions,
  after: boxes(after, grown),
  curves: Object.keys(curves(index, positions)).sort(),
  edges: index.edges.map(({ id }) => id).sort(),
  numbers: Object.values(curves(index, positions)).every(({ d, label }) => /^M[-\d. CL]+$/.test(d) && label.every(Number.isFinite)),
  many: boxes(inColumns(many), many).length,
  nothing: inColumns(indexed({ nodes: [], edges: [] })),
  reached,
  right: next("ArrowRight", "api", index, positions),
  nowhere: next("ArrowLeft", "cron", index, positions),
  arranging: ["ArrowLeft", "ArrowRight", "ArrowUp", "End"].map((key) => next(key, "orders", grown, positions)?.id ?? null),
  details: [1, 0.3, 0.1].map(detailAt),
  applications: merged(index, "application"),
  vhosts: merged(index, "vhost"),
  brokers: merged(indexed({ nodes: mail, edges: [] }), "vhost").nodes.map(({ name, lines }) => [name, ...lines]),
  steps: [stepsOf("?path=exchange-1~queue-1,queue-2~"), stepsOf("?focus=x")],
  views: [viewOf("http://x/map/?vhost=b&path=1&focus=a"), viewOf("http://x/map/?focus=a&vhost=b&at=now")],
  rates: [null, 0, 0.04, 12.345, 1234].map(rateText),
  thickness: [null, 0, 1, 53, 1e9].map((rate) => Math.round(thickness(rate) * 10) / 10),
  spoken: [spoken(shop.nodes[6]), spoken(shop.nodes[9]), spoken(node("", "exchange"))],
}));
