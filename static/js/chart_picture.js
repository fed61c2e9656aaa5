// A chart as a PNG: its title, unit, lines by name, plot with gaps and marks, and the times it shows. Loaded when somebody saves one.

import { stamp } from "./chart_text.js";

const EDGE = 16;
const HEAD = 58; // title and names of the lines
const FOOT = 30;

function line(pen, { colour, dash, label }, left, top) {
  pen.strokeStyle = colour;
  pen.lineWidth = 2;
  pen.setLineDash(dash);
  pen.beginPath();
  pen.moveTo(left, top - 4);
  pen.lineTo(left + 16, top - 4);
  pen.stroke();
  pen.setLineDash([]);
  pen.fillText(label, left + 22, top);
  return left + 22 + pen.measureText(label).width + 18;
}

function overlay(pen, chart, token, top) {
  const { plot } = chart;
  const scale = devicePixelRatio;
  const [left, width, height] = [plot.bbox.left / scale, plot.bbox.width / scale, plot.bbox.height / scale];
  const at = (time) => EDGE + left + Math.min(width, Math.max(0, plot.valToPos(time, "x")));
  const from = top + plot.bbox.top / scale;
  pen.strokeStyle = token("hatch");
  for (const [begin, end] of chart.gaps()) {
    pen.save();
    pen.beginPath();
    pen.rect(at(begin), from, at(end) - at(begin), height);
    pen.clip();
    pen.beginPath();
    for (let x = at(begin) - height; x < at(end); x += 6) pen.moveTo(x, from + height), pen.lineTo(x + height, from);
    pen.stroke();
    pen.restore();
  }
  for (const { at: time, text, colour } of chart.marks) {
    const [begin, end] = chart.span();
    if (time < begin || time > end) continue;
    pen.strokeStyle = token(colour);
    pen.setLineDash([3, 3]);
    pen.beginPath();
    pen.moveTo(at(time), from);
    pen.lineTo(at(time), from + height);
    pen.stroke();
    pen.setLineDash([]);
    pen.save();
    pen.translate(at(time) + 11, from + 4);
    pen.rotate(Math.PI / 2);
    pen.fillText(text.slice(0, 60), 0, 6, height - 8);
    pen.restore();
  }
}

/** The picture as a canvas, in the colours of the page's theme. */
export function drawn(chart, token) {
  const source = chart.plot.ctx.canvas;
  const [width, height] = [source.width / devicePixelRatio, source.height / devicePixelRatio];
  const canvas = Object.assign(document.createElement("canvas"), { width: (width + 2 * EDGE) * devicePixelRatio, height: (height + HEAD + FOOT) * devicePixelRatio });
  const pen = canvas.getContext("2d");
  pen.scale(devicePixelRatio, devicePixelRatio);
  pen.fillStyle = token("surface");
  pen.fillRect(0, 0, width + 2 * EDGE, height + HEAD + FOOT);
  pen.fillStyle = token("ink");
  pen.font = `600 14px ${token("font")}`;
  pen.fillText(`${chart.figure.querySelector(".chart-title").textContent}, ${chart.unit}`, EDGE, 24);
  pen.font = `12px ${token("font")}`;
  chart.lines.reduce((left, each) => line(pen, { ...each, colour: chart.colour(each) }, left, 46), EDGE);
  pen.drawImage(source, EDGE, HEAD, width, height);
  pen.fillStyle = token("ink-2");
  overlay(pen, chart, token, HEAD);
  const [from, to] = chart.span();
  const year = new Date(to * 1000).getUTCFullYear();
  pen.fillText(`${stamp(from, Infinity)} to ${stamp(to, Infinity)} ${year}, UTC`, EDGE, HEAD + height + 18);
  return canvas;
}

/** Saves it under the name of the chart. */
export function save(chart, token) {
  drawn(chart, token).toBlob((blob) => {
    const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: `${chart.figure.id}.png` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  });
}
