// Bar chart of a taste's norms by layer.
// Its caption has the same information.

import { el } from "../core/dom.js";
import { t } from "../core/strings.js";

const SVG = "http://www.w3.org/2000/svg";
const [WIDTH, HEIGHT] = [320, 48];

/**
 * The chart of layer norms with a caption that says the same; empty where there is nothing to show.
 * @param {number[]} norms
 */
export function layerChart(norms) {
  if (!norms.length) return el("span");
  const highest = Math.max(...norms) || 1;
  const caption = t("taste.layersCaption", { best: norms.indexOf(highest), least: norms.indexOf(Math.min(...norms)) });
  const svg = make("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "layers", "aria-hidden": "true" });
  const pitch = WIDTH / norms.length;
  norms.forEach((norm, i) => {
    const height = Math.max(2, (norm / highest) * HEIGHT);
    svg.append(make("rect", { x: i * pitch + pitch * 0.2, y: HEIGHT - height, width: pitch * 0.6, height, rx: 2 }));
  });
  return el("figure", {}, svg, el("figcaption", { class: "small hint" }, `${t("taste.layers")}. ${caption}`));
}

/**
 * @param {string} tag
 * @param {Record<string, any>} attributes
 */
function make(tag, attributes) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}
