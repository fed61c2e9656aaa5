// Sparklines and depth bars go on as numbers arrive. Geometry as in dashboard/sparklines.py: zero at the bottom, gaps as gaps, a dot for now.

const MARGIN = 3;
const BASE = 1;
const SPAN = 3600; // seconds that a sparkline shows
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
  const known = values.filter((value) => value != null);
  if (!known.length) return { line: "", area: "", end: null };
  const top = Math.max(0, ...known) || 1;
  const step = (width - 2 * MARGIN) / Math.max(1, values.length - 1);
  const floor = height - BASE;
  const place = (value, at) => [MARGIN + step * at, floor - ((floor - MARGIN) * Math.max(0, value)) / top];
  let line = "";
  let area = "";
  let run = [];
  let end = null;
  const close = () => {
    if (!run.length) return;
    const joined = run.map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`).join("L");
    line += `M${joined}${run.length === 1 ? "h0" : ""}`;
    if (run.length > 1) area += `M${run[0][0].toFixed(1)} ${floor}L${joined}L${run.at(-1)[0].toFixed(1)} ${floor}Z`;
    end = run.at(-1);
    run = [];
  };
  values.forEach((value, at) => (value == null ? close() : run.push(place(value, at))));
  close();
  return { line, area, end };
}

function draw(svg, values) {
  const { width, height } = svg.viewBox.baseVal;
  const { line, area, end } = drawn(values, width, height);
  svg.querySelector(".spark-line")?.setAttribute("d", line);
  svg.querySelector(".spark-area")?.setAttribute("d", area);
  if (!end) return;
  let dot = svg.querySelector(".spark-end");
  if (!dot) {
    dot = document.createElementNS("http://www.w3.org/2000/svg", "circle");
    dot.setAttribute("class", "spark-end");
    dot.setAttribute("r", "2.25");
    svg.append(dot);
  }
  dot.setAttribute("cx", end[0].toFixed(1));
  dot.setAttribute("cy", end[1].toFixed(1));
}

function append(svg, value) {
  const known = memory(svg);
  const { values } = known;
  if (values.length < 2) values.push(value, value);
  const stepMs = (SPAN * 1000) / (values.length - 1);
  if (performance.now() - known.moved >= stepMs) {
    values.push(value);
    values.shift();
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
