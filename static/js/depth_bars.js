// Depth bars follow the numbers of their rows: ready solid, then unacknowledged hatched, as a share of the queue's peak.

function show(svg, { ready, unacknowledged, full }) {
  const [, solid, hatched] = svg.querySelectorAll("rect");
  const width = svg.viewBox.baseVal.width;
  const share = (count) => (count ? Math.max(1, (width * count) / (full || 1)) : 0).toFixed(1);
  solid.setAttribute("width", share(ready));
  hatched.setAttribute("x", share(ready));
  hatched.setAttribute("width", share(unacknowledged));
}

document.addEventListener("hareline:row", ({ detail: { key, number } }) => {
  for (const svg of document.querySelectorAll(`#${CSS.escape(key)}:not([data-stale="yes"]) [data-depth-bar]`)) show(svg, number); // an old number is not how it is now
});
