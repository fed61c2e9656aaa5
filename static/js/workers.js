// Worker pages: running times that grow, sums over the slots that are shown, and parts that follow a node's tasks.

import { outdated } from "./live_page.js";
import "./times.js";

function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

const NODES = ".worker-node, .worker-row";

function showSums() {
  for (const element of document.querySelectorAll("[data-sum]")) {
    const nodes = [...(element.dataset.sumOf ? document : element.closest("[data-sum-group]")).querySelectorAll(NODES)];
    const known = nodes.filter(({ dataset }) => dataset.used && dataset.slots);
    put(element, known.reduce((total, { dataset }) => total + Number(dataset[element.dataset.sum]), 0).toLocaleString("en"));
  }
}

// The marks of a node change with each patch
new MutationObserver(showSums).observe(document.getElementById("content"), { subtree: true, attributeFilter: ["data-used", "data-slots"] });

// A node's own page: what isn't in its row follows at each beat of the receiver
document.addEventListener("hareline:row", ({ detail: { key } }) => {
  if (key.startsWith("worker-") && document.querySelector('[data-part="story"]')) outdated(["running", "story"]);
});
document.addEventListener("hareline:parts", showSums);
