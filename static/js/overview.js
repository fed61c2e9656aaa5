// The overview renews what no single row tells: the sentence, the incidents, sums over worker nodes, which queues are deepest.
import { outdated } from "./live_page.js";

const REST = 10_000; // a poll comes every 5 s; the words about it need not follow each one
const last = new Map();

function renew(part, rest) {
  const now = performance.now();
  if (now - (last.get(part) ?? -Infinity) < rest) return;
  last.set(part, now);
  outdated([part]);
}

document.addEventListener("hareline:tick", () => {
  for (const part of ["state", "queues", "several"]) renew(part, REST);
});
document.addEventListener("hareline:row", ({ detail }) => {
  if (detail.key.startsWith("worker-")) renew("figures", REST / 2);
});

// A level that changed is told at once.
const levels = new MutationObserver((changes) => {
  if (changes.some(({ target, oldValue }) => target.id && target.getAttribute("data-level") !== oldValue)) {
    renew("state", 1000);
    renew("several", 1000);
  }
});
levels.observe(document.querySelector("[data-overview]"), { subtree: true, attributeFilter: ["data-level"], attributeOldValue: true });
