// What a script drew and shows in a chart stays while its part of the page is fetched again, until it draws anew: a focus would be lost otherwise.

import "./live_parts.js"; // whose callbacks come first

const KEPT = "[data-chart-plot], [data-chart-said]";
const SHOWN = "[data-chart-plot], [data-chart-lines], [data-chart-picture]";
const { callbacks } = window.Idiomorph.defaults;
const updated = callbacks.beforeAttributeUpdated;
callbacks.beforeNodeRemoved = (node) => !node.parentElement?.matches(KEPT);
callbacks.beforeAttributeUpdated = (name, element, ...rest) => !(name === "hidden" && element.matches(SHOWN)) && updated(name, element, ...rest);
