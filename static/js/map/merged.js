// What the map shows from further away: applications, then virtual hosts. Pure: a graph in, a smaller one out.

const RANK = ["ok", "info", "notice", "unknown", "warn", "warning", "bad", "critical"];
const worse = (a, b) => (RANK.indexOf(b) > RANK.indexOf(a) ? b : a);
const KINDS = {
  exchange: ["exchange", "exchanges"], queue: ["queue", "queues"], worker: ["worker node", "worker nodes"], consumers: ["other consumer", "other consumers"],
  publisher: ["publisher", "publishers"], fold: ["group", "groups"], application: ["application", "applications"],
};
export const NEAREST = { application: 0.45, vhost: 0.2 }; // shown at smaller scales

/** What a scale shows: "object", "application" or "vhost". */
export const detailAt = (scale) => (scale >= NEAREST.application ? "object" : scale >= NEAREST.vhost ? "application" : "vhost");

// orders.eu and orders.us are of one application, as are worker nodes of one name on several hosts.
const applicationOf = ({ kind, name }) => (kind === "publisher" ? name : name.split(/[.:_@/-]/)[0] || name);

/** {nodes, edges}: one node for those of a virtual host, or of an application and a column; `members` are their ids. */
export function merged(index, detail) {
  const groups = new Map();
  for (const node of index.nodes.values()) {
    const place = `${node.broker}\n${node.vhost}`; // brokers have virtual hosts of one name
    const key = detail === "vhost" ? place : `${place}\n${index.column.get(node.id)}\n${applicationOf(node)}`;
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push(node);
  }
  const brokersOf = (vhost) => new Set([...index.nodes.values()].filter((node) => node.vhost === vhost).map(({ broker }) => broker)).size;
  const of = new Map();
  const nodes = [...groups].map(([key, members]) => {
    for (const { id } of members) of.set(id, `group ${key}`);
    const found = described(members, `group ${key}`, detail);
    return detail === "vhost" && brokersOf(found.vhost) > 1 ? { ...found, name: `${found.vhost} on ${members[0].broker}` } : found;
  });
  return { nodes, edges: joined(index.edges, of) };
}

// What is folded counts as what it is, where it is all of one kind.
function countOf(members, kind) {
  const isOf = (node) => (node.folded && KINDS[node.type] ? node.type : node.kind) === kind;
  return members.filter(isOf).reduce((sum, node) => sum + (node.kind === kind ? 1 : node.folded), 0);
}

function described(members, id, detail) {
  const [first] = members;
  if (members.length === 1 && detail !== "vhost") return { ...first, id, members: [first.id] };
  const known = (name) => members.map((node) => node[name]).filter((value) => value != null);
  const sum = (name) => (known(name).length ? known(name).reduce((total, value) => total + value, 0) : null);
  const counted = Object.entries(KINDS).map(([kind, words]) => [countOf(members, kind), words]).filter(([count]) => count);
  const [kind, name] = detail === "vhost" ? ["vhost", first.vhost] : [first.kind, applicationOf(first)];
  const rates = detail === "vhost" ? { in: null, out: null } : { in: sum("in"), out: sum("out") };
  const lines = [counted.map(([count, [one, many]]) => `${count} ${count === 1 ? one : many}`).join(", ") || `${members.length} nodes`];
  const level = members.map((node) => node.level).reduce(worse, "ok");
  const ids = members.map((node) => node.id);
  const figures = { messages: sum("messages"), capacity: sum("capacity"), slots: null, ...rates };
  return { id, kind, name, vhost: first.vhost, href: "", level, marks: [], lines, members: ids, ...figures };
}

function joined(edges, of) {
  const found = new Map();
  for (const edge of edges) {
    const [from, to] = [of.get(edge.from), of.get(edge.to)];
    if (from === to) continue;
    const key = `${from} ${to}`;
    const before = found.get(key);
    if (!before) found.set(key, { ...edge, id: key, from, to, label: "", text: "" });
    else Object.assign(before, { rate: edge.rate == null ? before.rate : (before.rate ?? 0) + edge.rate, level: worse(before.level, edge.level) });
  }
  return [...found.values()];
}
