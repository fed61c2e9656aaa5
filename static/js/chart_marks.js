// Gaps and marks of a chart: elements below the canvas, which the style sheet draws.

import { stamp } from "./chart_text.js";

const LABEL = 130; // px that the words of a mark need

/** Puts them in place; where the words of two marks would overlap, only one has them. */
export function overlay(u, chart, token) {
  const width = u.over.clientWidth;
  const place = (time) => Math.min(width, Math.max(0, u.valToPos(time, "x")));
  const piece = (kind, words, from, to = from) => {
    const element = Object.assign(document.createElement("div"), { className: `chart-${kind}` });
    element.append(Object.assign(document.createElement("span"), { textContent: words }));
    Object.assign(element.style, { left: `${place(from)}px`, width: `${place(to) - place(from)}px` });
    return element;
  };
  const [from, to] = chart.span();
  const taken = []; // where words stand already; those of findings and of a last consumer come first
  const shown = chart.marks.filter(({ at }) => at >= from && at <= to);
  const ranked = [...shown].sort((one, other) => (one.colour === "axis") - (other.colour === "axis"));
  const marks = ranked.map(({ at, text, colour }) => {
    const late = place(at) > width / 2;
    const left = late ? place(at) - LABEL : place(at);
    const hasRoom = taken.every((other) => Math.abs(other - left) >= LABEL);
    if (hasRoom) taken.push(left);
    const mark = piece(`mark${late ? " chart-mark-late" : ""}${hasRoom ? "" : " chart-mark-quiet"}`, text, at);
    mark.title = `${stamp(at, to - from)} ${text}`;
    mark.style.color = token(colour);
    return mark;
  });
  u.under.replaceChildren(...chart.gaps().map(([begin, end, words]) => piece("gap", words, begin, end)), ...marks);
}
