// Charts of templates/components/_chart.html: uPlot with one time axis and one cursor for the page, live points, gaps, marks, a keyboard, a table.
// What it begins with stands in data-chart; "hareline:row" and "hareline:tick" append. Where some may be missing, its part of the page
// is fetched again, and the table's rows with it when somebody opens it; a reader's cursor stays. A stretch that is dragged over is fetched by its
// own address, for finer points. Without scripts the page shows its table.

/* global uPlot */ // a classic script before this one: the module form is twice as long
import { height, paint } from "./chart_band.js";
import "./chart_kept.js";
import { overlay } from "./chart_marks.js";
import { gapsOf, moment, stamp, ticks, written } from "./chart_text.js";
import { outdated } from "./live_parts.js";

const charts = new Map(); // figure: LiveChart
const SHORTEST = 60; // seconds that a chart shows at least
const BEFORE = "before:"; // metrics of an earlier time; nothing live continues them, nor the ends of a band ("low:", "high:")

const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--hl-${name}`).trim();

class LiveChart {
  constructor(figure) {
    this.figure = figure;
    this.part = (name) => figure.querySelector(`[data-chart-${name}]`);
    this.source = figure.dataset.chart;
    Object.assign(this, JSON.parse(this.source)); // dashboard/layout/charts.py, `Chart.data`
    this.metrics = Object.keys(this.values);
    this.latest = Object.fromEntries(this.metrics.map((metric) => [metric, metric.includes(":") ? null : this.values[metric].at(-1) ?? null]));
    this.ahead = this.rendered - performance.now() / 1000;
    this.longest = 3 * Math.max(this.step, this.interval);
    this.zoomed = null;
    this.data = this.columns();
  }

  now() {
    return document.body.matches(".past") ? this.rendered : this.ahead + performance.now() / 1000;
  }

  // From the first record of the page's charts, if it is later than the range's start, so that a young chart is no sheet of hatching.
  span() {
    if (!this.follows) return this.zoomed ?? [this.from, this.to];
    const firsts = [...charts.values()].map(({ first }) => first).filter(Boolean);
    const begin = firsts.length ? Math.min(...firsts, this.now() - SHORTEST) : 0;
    return this.zoomed ?? [Math.max(begin, this.now() - this.range), this.now()];
  }

  columns() {
    const summed = (at) => (sum, metric) => (sum === null || this.values[metric][at] == null ? null : sum + this.values[metric][at]);
    const lines = this.lines.map(({ metrics }) => this.times.map((_, at) => metrics.reduce(summed(at), 0)));
    this.first = this.times.find((_, at) => lines.some((values) => values[at] != null));
    return [this.times, ...lines];
  }

  colour(line) {
    if (line.colour !== "level") return token(line.colour);
    const level = document.getElementById(this.figure.dataset.row)?.dataset.level;
    return token(["critical", "warning"].includes(level) ? level : "s1");
  }

  written(value) {
    return written(value, this.unit, this.decimals);
  }

  // Of the lines of now: what an earlier time had fills no gap.
  gaps() {
    const own = this.lines.map((line, index) => (line.metrics[0].startsWith(BEFORE) ? null : this.data[index + 1])).filter(Boolean);
    return gapsOf([this.times, ...own], this.longest, this.span());
  }

  // The figure may have been fetched anew around the same elements: one handler each, and no second plot.
  build() {
    const plot = this.part("plot");
    plot.hidden = this.part("lines").hidden = this.part("picture").hidden = false;
    this.plot = new uPlot(this.options(plot), this.data, plot);
    this.resized = new ResizeObserver(() => this.plot.setSize({ width: plot.clientWidth, height: plot.clientHeight }));
    this.resized.observe(plot);
    plot.onkeydown = (event) => this.key(event);
    plot.ondblclick = () => this.part("whole").click();
    this.part("whole").onclick = (event) => event.currentTarget.getAttribute("href") === "?" && (event.preventDefault(), zoom(null));
    this.part("picture").onclick = async () => (await import("./chart_picture.js")).save(this, token);
    plot.onblur = () => this.cursorTo(null);
    this.figure.querySelector(".chart-table > summary").onclick = () => outdated(["charts"]);
  }

  destroy() {
    this.resized.disconnect();
    cancelAnimationFrame(this.drawing);
    this.plot.destroy();
  }

  options(plot) {
    const axis = { stroke: () => token("axis"), font: `11px ${token("font")}`, ticks: { show: false }, gap: 6 };
    return {
      width: plot.clientWidth,
      height: plot.clientHeight,
      padding: [10, 24, 0, 0],
      legend: { show: false },
      tzDate: (at) => uPlot.tzDate(new Date(at * 1000), "Etc/UTC"),
      cursor: { sync: { key: "page" }, y: false, drag: { x: true, y: false, setScale: false }, points: { size: 6 } },
      scales: { x: { range: () => this.span() }, y: { range: (_, low, high) => height(low, high, this) } },
      axes: [
        { ...axis, size: 24, grid: { show: false }, space: 80, values: (u, splits, _, __, step) => ticks(splits, step) },
        { ...axis, size: 52, space: 34, grid: { stroke: () => token("grid"), width: 1 }, values: (u, splits) => splits.map((value) => this.tick(value)) },
      ],
      series: [{}, ...this.lines.map((line) => this.series(line))],
      hooks: {
        drawAxes: [(u) => this.band && paint(u, this.times, ...this.band.map((metric) => this.values[metric]), this.colour(this.lines[0]))],
        draw: [(u) => overlay(u, this, token), (u) => this.head(u.cursor.idx)],
        setCursor: [(u) => this.head(u.cursor.idx)],
        setSelect: [(u) => this.select(u)],
      },
    };
  }

  tick(value) {
    return this.unit === "bytes" ? this.written(value) : value.toLocaleString("en");
  }

  series(line) {
    return {
      label: line.label,
      stroke: () => this.colour(line),
      fill: line.fill ? () => `color-mix(in srgb, ${this.colour(line)} 11%, transparent)` : undefined,
      width: 1.75,
      dash: line.dash,
      points: { show: true, size: 5, fill: () => this.colour(line), filter: (u, at) => [u.data[at].findLastIndex((value) => value != null)].filter((last) => last >= 0) },
    };
  }

  // Beside the names of the lines: the values under the cursor, else those of now.
  head(at) {
    const isNow = at == null || this.times[at] === undefined;
    const index = isNow ? this.times.length - 1 : at;
    const isOld = isNow && this.span()[1] - this.times[index] > this.longest;
    this.part("cursor").textContent = isNow ? "" : stamp(this.times[at], this.range);
    this.figure.querySelectorAll("[data-chart-line]").forEach((line, number) => {
      line.querySelector("svg").style.stroke = this.colour(this.lines[number]);
      line.querySelector("b").textContent = this.written(isOld ? null : this.data[number + 1][index]);
    });
  }

  sentence(at) {
    return `${stamp(this.times[at], this.range)}: ${this.lines.map((line, index) => `${line.label} ${this.written(this.data[index + 1][at])}`).join(", ")}`;
  }

  select(u) {
    const { left, width } = u.select;
    if (width < 8) return;
    u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    zoom([u.posToVal(left, "x"), u.posToVal(left + width, "x")]);
  }

  key(event) {
    if ("+=-".includes(event.key)) return this.zoomKey(event);
    const step = event.shiftKey ? 10 : 1;
    const shown = this.times.findIndex((time) => time >= this.span()[0]);
    const last = this.times.length - 1;
    const here = this.at ?? last + 1;
    const next = { ArrowLeft: here - step, ArrowRight: here + step, Home: shown, End: last, Escape: null }[event.key];
    if (next === undefined || last < 0) return;
    event.preventDefault();
    this.cursorTo(next === null ? null : Math.min(last, Math.max(Math.max(0, shown), next)));
  }

  // Half or twice as much, around the cursor.
  zoomKey(event) {
    event.preventDefault();
    const [from, to] = this.span();
    const middle = this.at == null ? (from + to) / 2 : this.times[this.at];
    const half = Math.max(SHORTEST / 2, (to - from) * (event.key === "-" ? 1 : 0.25));
    zoom([middle - half, Math.min(middle + half, this.now())]);
  }

  cursorTo(at) {
    if (at === null && this.at == null) return;
    this.at = at;
    pointAt(at === null ? null : this.times[at]);
    this.part("said").textContent = at === null ? "" : this.sentence(at);
  }

  // Where a reader is, for the chart that takes this one's place.
  reading() {
    const { left } = this.plot.cursor;
    return { time: this.at != null ? this.times[this.at] : left >= 0 ? this.plot.posToVal(left, "x") : null, byKeys: this.at != null };
  }

  // The same moment again, or the point next to it; what was said of it stays.
  goOn({ time, byKeys }) {
    if (time === null || !this.times.length) return;
    const after = this.times.findIndex((each) => each >= time);
    const at = after < 0 ? this.times.length - 1 : after > 0 && time - this.times[after - 1] < this.times[after] - time ? after - 1 : after;
    if (byKeys && document.activeElement === this.part("plot")) this.at = at;
    if (byKeys) this.part("said").textContent ||= this.sentence(at);
    pointAt(this.times[at]);
  }

  append(at, numbers = {}) {
    if (!this.follows) return;
    for (const metric of this.metrics) if (metric in numbers) this.latest[metric] = numbers[metric];
    const last = this.times.at(-1);
    if (at < last) return;
    if (at - last > 3 * this.interval) this.push(last + this.interval, null); // polls are missing: a gap, not a line
    // Beyond the newest step a later reading takes the place of the one before, so that the distance of points stays
    if (at === last || at - this.times.at(-2) < this.step * 0.9) this.drop(-1);
    this.push(at, this.latest);
    this.ahead += Math.max(0, at - this.now()); // the page is never older than what it shows
    while (this.times.length && this.times[0] < this.now() - this.range - 2 * this.step) this.drop(0);
    this.draw();
  }

  push(at, numbers) {
    this.times.push(at);
    for (const metric of this.metrics) this.values[metric].push(numbers?.[metric] ?? null);
  }

  drop(at) {
    for (const column of [this.times, ...Object.values(this.values)]) at === 0 ? column.shift() : column.pop();
    if (this.at != null && at === 0) this.at = Math.max(0, this.at - 1);
  }

  draw() {
    if (this.drawing || document.hidden) return;
    this.drawing = requestAnimationFrame(() => {
      this.drawing = null;
      this.data = this.columns();
      this.plot.setData(this.data, true);
      if (this.at != null) pointAt(this.times[this.at]);
    });
  }
}

// Shown at once, and fetched by the address that the page's form makes of it: with more points, and to be linked.
function zoom(span) {
  for (const chart of charts.values()) {
    chart.zoomed = span;
    chart.part("whole").hidden = span === null;
    chart.plot.setData(chart.data, true);
  }
  const form = document.querySelector("[data-chart-range]");
  if (!form || span === null) return;
  [form.elements.from.value, form.elements.to.value] = span.map(moment);
  form.requestSubmit();
}

// The keyboard's cursor stands at the same moment in every chart; null takes it away.
function pointAt(time) {
  for (const { plot } of charts.values()) plot.setCursor(time === null ? { left: -10, top: -10 } : { left: plot.valToPos(time, "x"), top: 10 }, true, false);
}

function find() {
  const readings = new Map(); // id of a figure: where its reader was
  for (const [figure, chart] of charts) {
    if (figure.isConnected && figure.contains(chart.plot.root) && figure.dataset.chart === chart.source) continue;
    readings.set(figure.id, chart.reading());
    chart.destroy();
    charts.delete(figure);
  }
  const fresh = [...document.querySelectorAll("[data-chart]")].filter((figure) => !charts.has(figure));
  for (const figure of fresh) charts.set(figure, new LiveChart(figure));
  for (const figure of fresh) charts.get(figure).build();
  for (const figure of fresh) charts.get(figure).goOn(readings.get(figure.id) ?? { time: null });
}

const seconds = (at) => (typeof at === "number" ? at : Date.parse(at) / 1000);
const redraw = () => charts.forEach((chart) => chart.plot.redraw(false));

document.addEventListener("hareline:row", ({ detail }) => {
  for (const chart of charts.values()) if (chart.figure.dataset.row === detail.key) chart.append(seconds(detail.at), detail.number ?? {});
});
document.addEventListener("hareline:tick", ({ detail }) => {
  for (const chart of charts.values()) if (chart.figure.dataset.broker === String(detail.broker)) chart.append(seconds(detail.at));
});
document.addEventListener("visibilitychange", () => !document.hidden && charts.forEach((chart) => chart.draw()));
document.addEventListener("hareline:parts", find);
new MutationObserver(redraw).observe(document.documentElement, { attributeFilter: ["data-theme"] });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
document.fonts?.ready.then(redraw);
setInterval(() => charts.forEach((chart) => chart.draw()), 5000); // time goes on where nothing arrives: a gap grows while it is shown

find();
