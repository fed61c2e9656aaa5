// The band between the lowest and the highest number of each step, below the line of the average.

/** The ends of the scale: zero in view, a little above the highest of the lines (low, high) and of the band. */
export function height(low, high, chart) {
  const [from, to] = chart.span();
  const highest = chart.band ? chart.values[chart.band[1]] : [];
  const shown = highest.filter((value, at) => value != null && chart.times[at] >= from && chart.times[at] <= to);
  const most = Math.max(high, ...shown);
  return [low < 0 ? low * 1.08 : 0, most > 0 ? most * 1.08 : low < 0 ? 0 : 1];
}

/** Paints it where both are known. */
export function paint(u, times, low, high, colour) {
  const pen = u.ctx;
  const point = (at, values) => [u.valToPos(times[at], "x", true), u.valToPos(values[at], "y", true)];
  pen.save();
  pen.beginPath();
  pen.rect(u.bbox.left, u.bbox.top, u.bbox.width, u.bbox.height);
  pen.clip();
  pen.globalAlpha = 0.2;
  pen.fillStyle = colour;
  for (let at = 0; at < times.length; at += 1) {
    if (low[at] == null || high[at] == null) continue;
    const begin = at;
    while (low[at + 1] != null && high[at + 1] != null) at += 1;
    pen.beginPath();
    for (let each = begin; each <= at; each += 1) pen.lineTo(...point(each, high));
    for (let each = at; each >= begin; each -= 1) pen.lineTo(...point(each, low));
    pen.fill();
  }
  pen.restore();
}
