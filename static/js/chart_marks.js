// Gaps and marks of a chart: elements below the canvas, which the style sheet draws.

import { stamp } from "./chart_text.js";

const LONGEST = 228; // px that the words of a mark take at most, with what is left beside them (charts.css)
const CHARACTER = 6.5; // px of one of them, rather more than less

/** Puts them in place; where the words of two would overlap, only one has them. */
export function overlay(u, chart, token) {
  const width = u.over.clientWidth;
  const place = (time) => Math.min(width, Math.max(0, u.valToPos(time, "x")));
  const piece = (kind, words, from, to = from) => {
    const element = Object.assign(document.createElement("div"), { className: `chart-${kind}` });
    if (words) element.append(Object.assign(document.createElement("span"), { textContent: words }));
    Object.assign(element.style, { left: `${place(from)}px`, width: `${place(to) - place(from)}px` });
    return element;
  };
  const [from, to] = chart.span();
  const taken = []; // where words stand already; those of findings and of a last consumer come first, those of gaps last
  const lengthOf = (words) => Math.min(LONGEST, 8 + words.length * CHARACTER);
  const takes = (left, length) => taken.every(([begin, end]) => left >= end || left + length <= begin) && taken.push([left, left + length]);
  const shown = chart.marks.filter(({ at }) => at >= from && at <= to);
  const ranked = [...shown].sort((one, other) => (one.colour === "axis") - (other.colour === "axis"));
  const marks = ranked.map(({ at, text, colour }) => {
    const late = place(at) > width / 2;
    const length = lengthOf(text);
    const hasRoom = takes(late ? place(at) - length : place(at), length);
    const mark = piece(`mark${late ? " chart-mark-late" : ""}${hasRoom ? "" : " chart-mark-quiet"}`, text, at);
    mark.title = `${stamp(at, to - from)} ${text}`;
    mark.style.color = token(colour);
    return mark;
  });
  const gaps = chart.gaps().map(([begin, end, words]) => {
    const length = Math.min(lengthOf(words), place(end) - place(begin));
    return piece("gap", takes(place(begin), length) ? words : "", begin, end);
  });
  u.under.replaceChildren(...gaps, ...marks);
}
