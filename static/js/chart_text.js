// Moments and numbers of charts as text, and which stretches were not recorded. No elements here.

export const clock = (seconds) => new Date(seconds * 1000).toISOString().slice(11, 19);
export const moment = (seconds) => `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`; // as addresses hold it
const day = (seconds) => new Date(seconds * 1000).toLocaleString("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });

/** A point of a chart of so many seconds: with its date where the clock alone names several. */
export const stamp = (seconds, length) => (length > 80_000 ? `${day(seconds)} ${clock(seconds)}` : clock(seconds));

/** The words of the time axis, `step` seconds apart: a date at midnight, else the time of day. */
export const ticks = (splits, step) => splits.map((at) => (at % 86_400 === 0 ? day(at) : clock(at).slice(0, step < 60 ? 8 : 5)));

const SIZES = [["TB", 1e12], ["GB", 1e9], ["MB", 1e6], ["kB", 1e3], ["B", 1]];

/** A number of a chart: of bytes in three digits, else with so many decimals. */
export function written(value, unit, decimals) {
  if (value == null) return "unknown";
  if (unit === "bytes") {
    const [name, size] = SIZES.find(([, each]) => Math.abs(value) >= each) ?? ["B", 1];
    return `${(value / size).toLocaleString("en", { maximumSignificantDigits: 3 })} ${name}`;
  }
  if (decimals && value > 0 && value < 0.1) return "<0.1";
  return value.toLocaleString("en", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}

/** The stretches [from, to, words] of the time axis without a value on any line. `longest` is how far apart two records may be; an unknown point
 *  between two records is a gap whatever their distance. */
export function gapsOf([times, ...lines], longest, [from, to]) {
  const gaps = [];
  let last = null;
  times.forEach((time, index) => {
    if (!lines.some((line) => line[index] != null)) return;
    if (last === null && time - from > longest) gaps.push([from, time, `not recorded before ${stamp(time, to - from)}`]);
    else if (last !== null && (index - last > 1 || time - times[last] > longest)) gaps.push([times[last], time, "not recorded"]);
    last = index;
  });
  if (last === null) gaps.push([from, to, "nothing recorded"]);
  else if (to - times[last] > longest) gaps.push([times[last], to, `not recorded since ${stamp(times[last], to - from)}`]);
  return gaps;
}
