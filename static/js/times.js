// Moments as ages and running times: <time data-ago> becomes "4 s ago", <time data-since> the time since then,
// <time data-past> by how much a limit that was then is past; and the clock of the frame.
// Without scripts the moment itself stands there.

const clock = document.querySelector("[data-clock]");
const ahead = clock && Date.parse(clock.dateTime) - Date.now(); // the server's clock counts, not the browser's; at a past moment there is none, and every age stays
const UNITS = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];

/** "4 min 12 s": the two largest units. */
export function duration(seconds, units = 2) {
  if (seconds < 1) return `${Math.max(seconds, 0.1).toFixed(1)} s`;
  const whole = Math.round(seconds);
  const parts = UNITS.map(([size, unit], at) => [Math.floor((at ? whole % UNITS[at - 1][0] : whole) / size), unit]);
  const largest = parts.findIndex(([amount]) => amount > 0);
  return parts.slice(largest, largest + units).filter(([amount]) => amount > 0).map((part) => part.join(" ")).join(" ");
}

/** Changes a text only where it is another one, so that nothing is drawn or read out again. */
export function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function show() {
  const now = Date.now() + ahead;
  const secondsSince = (time) => Math.max(0, (now - Date.parse(time.dateTime)) / 1000);
  for (const time of document.querySelectorAll("time[data-ago]")) {
    const age = secondsSince(time);
    time.title ||= time.textContent;
    put(time, age < 1 ? "now" : `${duration(age, 1)} ago`);
  }
  for (const time of document.querySelectorAll("time[data-since]")) put(time, duration(secondsSince(time)));
  for (const time of document.querySelectorAll("time[data-past]")) put(time, now < Date.parse(time.dateTime) ? "" : `past its limit by ${duration(secondsSince(time))}`);
  const [weekday, day, month, , at] = new Date(now).toUTCString().replace(",", "").split(" ");
  put(clock.querySelector("[data-text=clock]"), `${weekday} ${Number(day)} ${month}, ${at}`);
}

// Fragments come with moments, which must become ages before anybody sees them
if (clock) {
  new MutationObserver(show).observe(document.getElementById("content"), { subtree: true, childList: true, characterData: true });
  show();
  setInterval(show, 1000);
}
