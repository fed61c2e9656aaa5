// Sums over the slots of the worker nodes that are shown.

import { put } from "./times.js";

function showSums() {
  for (const element of document.querySelectorAll("[data-sum]")) {
    const nodes = [...(element.dataset.sumOf ? document : element.closest("[data-sum-group]")).querySelectorAll(".worker-node, .worker-row")];
    const known = nodes.filter(({ dataset }) => dataset.used && dataset.slots);
    put(element, known.reduce((total, { dataset }) => total + Number(dataset[element.dataset.sum]), 0).toLocaleString("en"));
  }
}

// The marks of a node change with each patch
new MutationObserver(showSums).observe(document.getElementById("content"), { subtree: true, attributeFilter: ["data-used", "data-slots"] });
document.addEventListener("hareline:parts", showSums);
