// Moments as ages and running times: <time data-ago> becomes "4 s ago", <time data-since> the time since then. Without scripts the moment itself stands there.

// The server's clock, as far as the page knows it: ages must not follow a wrong clock here
const told = document.querySelector("[data-clock]")?.dateTime;
const ahead = told ? Date.now() - Date.parse(told) : 0;
const UNITS = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];

const secondsSince = (time) => Math.max(0, (Date.now() - ahead - Date.parse(time.dateTime)) / 1000);

function parts(seconds) {
  const left = Math.round(seconds);
  const all = UNITS.map(([size, unit], at) => [Math.floor((at ? left % UNITS[at - 1][0] : left) / size), unit]);
  return all.slice(Math.max(0, all.findIndex(([amount]) => amount > 0)));
}

/** "4 min 12 s": the two largest units. */
export function duration(seconds) {
  if (seconds < 1) return `${Math.max(seconds, 0.1).toFixed(1)} s`;
  return parts(seconds).slice(0, 2).filter(([amount]) => amount > 0).map(([amount, unit]) => `${amount} ${unit}`).join(" ");
}

/** "4 min ago": the largest unit alone. */
export function ago(seconds) {
  if (seconds < 1) return "now";
  const [[amount, unit]] = parts(seconds);
  return `${amount} ${unit} ago`;
}

/** Changes a text only where it is another one, so that nothing is drawn or read out again. */
export function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function show() {
  for (const time of document.querySelectorAll("time[data-ago]")) {
    if (!time.title) time.title = time.textContent;
    put(time, ago(secondsSince(time)));
  }
  for (const time of document.querySelectorAll("time[data-since]")) put(time, duration(secondsSince(time)));
}

// Fragments come with moments, which must become ages before anybody sees them
new MutationObserver(show).observe(document.getElementById("content"), { subtree: true, childList: true, characterData: true });

show();
setInterval(show, 1000);
