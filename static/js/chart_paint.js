// What Hareline draws on a uPlot canvas beyond its lines: gaps (hatched, with words), marks, and each line's name and value at its end.
// All sizes are CSS pixels times uPlot's pixel ratio; colours come from tokens.css at the moment of drawing, so themes just redraw.

export function token(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--hl-${name}`).trim();
}

export function font(size, weight = 400) {
  return `${weight} ${size}px ${token("font")}`;
}

export function clock(seconds) {
  return new Date(seconds * 1000).toISOString().slice(11, 19);
}

// The stretches [from, to] of the x scale without a value on any line, before the first and after the last record included.
// `longest` is how far apart two records may be; an unknown point between two records is a gap whatever their distance.
export function gapsOf(columns, longest, from, to) {
  const [times, ...lines] = columns;
  const gaps = [];
  let last = null;
  let lastIndex = 0;
  times.forEach((time, index) => {
    if (!lines.some((line) => line[index] != null)) return;
    if (last === null && time - from > longest) gaps.push([from, time, "before"]);
    else if (last !== null && (index - lastIndex > 1 || time - last > longest)) gaps.push([last, time, "between"]);
    last = time;
    lastIndex = index;
  });
  if (last === null) gaps.push([from, to, "all"]);
  else if (to - last > longest) gaps.push([last, to, "since"]);
  return gaps;
}

function hatching(u) {
  const side = Math.round(6 * devicePixelRatio);
  const tile = Object.assign(document.createElement("canvas"), { width: side, height: side });
  const ink = tile.getContext("2d");
  ink.strokeStyle = token("hatch");
  ink.lineWidth = side / 6;
  ink.beginPath();
  for (const shift of [-side, 0, side]) {
    ink.moveTo(shift, side);
    ink.lineTo(shift + side, 0);
  }
  ink.stroke();
  return u.ctx.createPattern(tile, "repeat");
}

export function paintGaps(u, gaps, ratio) {
  const { ctx, bbox } = u;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  for (const [from, to, kind] of gaps) {
    const left = Math.max(bbox.left, u.valToPos(from, "x", true));
    const right = Math.min(bbox.left + bbox.width, u.valToPos(to, "x", true));
    if (right <= left) continue;
    ctx.fillStyle = hatching(u);
    ctx.fillRect(left, bbox.top, right - left, bbox.height);
    const words = { before: `not recorded before ${clock(to)}`, since: `not recorded since ${clock(from)}`, between: "not recorded", all: "nothing recorded" }[kind];
    sayInGap(ctx, words, left, right, bbox, ratio);
  }
  ctx.restore();
}

function sayInGap(ctx, words, left, right, bbox, ratio) {
  ctx.font = font(11 * ratio);
  ctx.textBaseline = "top";
  ctx.textAlign = "left";
  const width = ctx.measureText(words).width;
  if (right - left < width + 12 * ratio) return; // the note below the chart says it
  ctx.fillStyle = token("surface");
  ctx.fillRect(left + 4 * ratio, bbox.top + 2 * ratio, width + 4 * ratio, 15 * ratio);
  ctx.fillStyle = token("ink-3");
  ctx.fillText(words, left + 6 * ratio, bbox.top + 4 * ratio);
}

function stroke(ctx, points, dash = []) {
  ctx.setLineDash(dash);
  ctx.beginPath();
  for (const point of points) ctx.lineTo(...point);
  ctx.stroke();
}

export function paintMarks(u, marks, ratio) {
  const { ctx, bbox } = u;
  for (const mark of marks) {
    if (mark.at < u.scales.x.min || mark.at > u.scales.x.max) continue;
    const x = u.valToPos(mark.at, "x", true);
    ctx.save();
    ctx.strokeStyle = ctx.fillStyle = token(mark.colour);
    ctx.lineWidth = ratio;
    stroke(ctx, [[x, bbox.top], [x, bbox.top + bbox.height]], [3 * ratio, 3 * ratio]);
    ctx.font = font(11 * ratio);
    ctx.textBaseline = "top";
    ctx.textAlign = "center";
    ctx.fillText("▾", x, bbox.top - 9 * ratio);
    ctx.fillStyle = token("ink-2");
    const onLeft = x - ctx.measureText(mark.text).width - 8 * ratio > bbox.left;
    ctx.textAlign = onLeft ? "right" : "left";
    ctx.fillText(mark.text, onLeft ? x - 7 * ratio : x + 7 * ratio, bbox.top + 2 * ratio);
    ctx.restore();
  }
}

// ends: [{text, colour, dash, x, value}]; names keep 15 px from each other, whatever their lines do.
export function paintEnds(u, ends, ratio) {
  const { ctx, bbox } = u;
  const placed = ends
    .map((end) => ({ ...end, left: u.valToPos(end.x, "x", true), y: u.valToPos(end.value, "y", true) }))
    .filter((end) => end.left >= bbox.left && end.left <= bbox.left + bbox.width + 1)
    .sort((one, other) => one.y - other.y);
  const distance = 15 * ratio;
  let labelY = placed.map((end) => end.y);
  for (let at = 1; at < labelY.length; at += 1) labelY[at] = Math.max(labelY[at], labelY[at - 1] + distance);
  const over = Math.max(0, (labelY.at(-1) ?? 0) - (bbox.top + bbox.height + 6 * ratio));
  labelY = labelY.map((y) => y - over);
  placed.forEach((end, at) => paintEnd(ctx, end, labelY[at], bbox.left + bbox.width + 9 * ratio, ratio));
}

function paintEnd(ctx, end, y, x, ratio) {
  ctx.save();
  ctx.fillStyle = ctx.strokeStyle = end.colour;
  ctx.beginPath();
  ctx.arc(end.left, end.y, 2.25 * ratio, 0, 2 * Math.PI);
  ctx.fill();
  ctx.lineWidth = 2 * ratio;
  stroke(ctx, [[x, y], [x + 12 * ratio, y]], end.dash.map((length) => length * ratio * 0.7));
  ctx.font = font(11 * ratio, 500);
  ctx.fillStyle = token("ink");
  ctx.textAlign = "left";
  ctx.textBaseline = "middle";
  ctx.fillText(end.text, x + 16 * ratio, y);
  ctx.restore();
}
