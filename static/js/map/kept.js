// Where things are on the map of each view, for as long as the tab lives: people find them where they were, also after a visit elsewhere.

const PREFIX = "hareline.map ";
const MOST_VIEWS = 20;

/** The name of what the page shows: its address without what changes nothing about it. */
export function viewOf(address) {
  const { pathname, searchParams } = new URL(address);
  for (const name of ["path", "at", "part", "list", "page"]) searchParams.delete(name);
  searchParams.sort();
  return `${pathname}?${searchParams}`;
}

/** {positions, routes, structure} of the view, or null. */
export function recall(view) {
  try {
    return JSON.parse(sessionStorage.getItem(PREFIX + view));
  } catch {
    return null; // storage is refused, or holds something else
  }
}

/** Keeps them; the views of longest ago make room. */
export function keep(view, places) {
  try {
    const kept = Object.keys(sessionStorage).filter((name) => name.startsWith(PREFIX) && name !== PREFIX + view);
    const age = (name) => JSON.parse(sessionStorage.getItem(name)).at ?? 0;
    if (kept.length >= MOST_VIEWS) sessionStorage.removeItem(kept.toSorted((a, b) => age(a) - age(b))[0]);
    sessionStorage.setItem(PREFIX + view, JSON.stringify({ ...places, at: Date.now() }));
  } catch {
    // storage is full or refused: the page alone remembers
  }
}
