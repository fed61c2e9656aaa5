// Sparklines and depth bars go on as numbers arrive. Geometry as in dashboard/layout/sparklines.py: zero at the bottom, gaps as gaps, a dot for now.

const MARGIN = 3;
const BASE = 1;
const POINTS = 48; // as many as the server draws of an hour
const STEP_MS = (3600 * 1000) / (POINTS - 1);
const kept = new WeakMap(); // svg: {text, values, moved}

function memory(svg) {
  const text = svg.dataset.values;
  let known = kept.get(svg);
  if (!known || known.text !== text) {
    known = { text, values: JSON.parse(text || "[]"), moved: performance.now() };
    kept.set(svg, known);
  }
  return known;
}

function drawn(values, width, height) {
  const top = Math.max(0, ...values.filter((value) => value != null)) || 1;
  const step = (width - 2 * MARGIN) / Math.max(1, values.length - 1);
  const floor = height - BASE;
  const runs = [[]];
  values.forEach((value, at) => (value == null ? runs.push([]) : runs.at(-1).push([MARGIN + step * at, floor - ((floor - MARGIN) * Math.max(0, value)) / top])));
  const known = runs.filter((run) => run.length);
  const joined = (run) => run.map((point) => point.map((place) => place.toFixed(1)).join(" ")).join("L");
  const under = (run) => `M${run[0][0].toFixed(1)} ${floor}L${joined(run)}L${run.at(-1)[0].toFixed(1)} ${floor}Z`;
  const line = known.map((run) => `M${joined(run)}${run.length === 1 ? "h0" : ""}`).join("");
  return { line, area: known.filter((run) => run.length > 1).map(under).join(""), end: known.at(-1)?.at(-1) };
}

const plain = (value) => value.toLocaleString("en", { maximumFractionDigits: 1 });

function text(values) {
  const known = values.filter((value) => value != null);
  const [low, high, last] = [Math.min(...known), Math.max(...known), known.at(-1)].map(plain);
  return `Graph: ${low === high ? `steady at ${low}` : `from ${low} to ${high}, latest ${last}`}`;
}

function draw(svg, values) {
  const { width, height } = svg.viewBox.baseVal;
  const { line, area, end } = drawn(values, width, height);
  svg.querySelector(".spark-line").setAttribute("d", line);
  svg.querySelector(".spark-area").setAttribute("d", area);
  if (!end) return;
  svg.setAttribute("aria-label", text(values));
  const dot = svg.querySelector(".spark-end");
  dot.removeAttribute("hidden");
  dot.setAttribute("cx", end[0].toFixed(1));
  dot.setAttribute("cy", end[1].toFixed(1));
}

function append(svg, value) {
  const known = memory(svg);
  const { values } = known;
  if (values.length < 2) values.push(value, value);
  if (performance.now() - known.moved >= STEP_MS) {
    values.push(value);
    if (values.length > POINTS) values.shift();
    known.moved = performance.now();
  } else values[values.length - 1] = value;
  draw(svg, values);
}

function bar(svg, { ready, unacknowledged, full }) {
  const [, solid, hatched] = svg.querySelectorAll("rect");
  const width = svg.viewBox.baseVal.width;
  const share = (count) => (count ? Math.max(1, (width * count) / (full || 1)) : 0).toFixed(1);
  solid.setAttribute("width", share(ready));
  hatched.setAttribute("x", share(ready));
  hatched.setAttribute("width", share(unacknowledged));
}

document.addEventListener("hareline:row", ({ detail: { key, number } }) => {
  const rows = new Set([document.getElementById(key), ...document.querySelectorAll(`[data-live="${CSS.escape(key)}"]`)]);
  rows.delete(null);
  for (const row of rows) {
    if (row.dataset.stale === "yes") continue; // an old number is not how it is now
    for (const svg of row.querySelectorAll("[data-spark]")) if (number[svg.dataset.spark] !== undefined) append(svg, number[svg.dataset.spark]);
    for (const svg of row.querySelectorAll("[data-depth-bar]")) bar(svg, number);
  }
});
