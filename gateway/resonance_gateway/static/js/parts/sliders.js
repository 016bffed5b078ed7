// The seven sliders.
// Sliders without a direction of the model are not shown.

import { byId, show } from "../core/dom.js";
import { sliderRow } from "./slider.js";
import { draft, saveDraft } from "../core/store.js";
import { all, t, tOf } from "../core/strings.js";

export const NAMES = [
  "energy", "tempo", "bass_resonance", "harmonic_complexity", "instrument_density", "vocal_presence", "emotional_tension",
];

const rows = new Map();

/** Builds the rows of the sliders that work here; rows that are there already are left alone, focus and all. */
export function buildSliders(names = NAMES, comingCount = 0) {
  const kept = new Map(names.map((name) => [name, rows.get(name) || row(name)]));
  const isSame = names.length === rows.size && names.every((name) => rows.has(name));
  rows.clear();
  for (const [name, built] of kept) rows.set(name, built);
  if (!isSame) arrange(byId("sliders"), names.map((name) => rows.get(name).node));
  byId("sliders-coming").textContent = comingCount ? t("refine.coming", { count: comingCount }) : "";
  show(byId("sliders-coming"), comingCount > 0);
  show(byId("refine"), names.length + comingCount > 0);
  show(byId("reset-sliders"), names.length > 0);
}

/**
 * Puts the nodes in order without taking out those that stay: a node that is moved loses the focus.
 * @param {HTMLElement} parent
 * @param {Node[]} nodes
 */
function arrange(parent, nodes) {
  for (const node of [...parent.children]) if (!nodes.includes(node)) node.remove();
  nodes.forEach((node, i) => {
    if (parent.children[i] !== node) parent.insertBefore(node, parent.children[i] || null);
  });
}

/**
 * Sets every slider, 0 where none is given.
 * @param {SliderValues} values
 */
export function setSliders(values) {
  draft.sliders = { ...values };
  saveDraft();
  for (const [name, built] of rows) built.set(values[name] || 0);
}

/** The sliders that have a direction here. @returns {string[]} */
export const shownSliders = () => [...rows.keys()];

/**
 * Moves one slider; answers with its value in words, or nothing where it is not shown.
 * @param {string} name
 * @param {number} value
 */
export function moveSlider(name, value) {
  const built = rows.get(name);
  if (!built) return "";
  built.set(value);
  draft.sliders[name] = built.get();
  saveDraft();
  return inWords(name, built.get());
}

/** The sliders that are not in the middle. */
export function movedSliders() {
  const moved = [...rows.keys()].filter((name) => draft.sliders[name]);
  return Object.fromEntries(moved.map((name) => [name, draft.sliders[name]]));
}

/**
 * A value in plain words: "slightly more bass".
 * @param {string} name
 * @param {number} value
 */
export function inWords(name, value) {
  return all(/** @type {ListKey} */ (`slider.${name}.values`))[degreeOf(value)];
}

/**
 * The place of a value among the seven that have words: far less, less, slightly less, as it is, and up.
 * @param {number} value
 */
export function degreeOf(value) {
  const size = Math.abs(value);
  const degree = size < 0.05 ? 0 : size <= 0.35 ? 1 : size <= 0.7 ? 2 : 3;
  return 3 + Math.sign(value) * degree;
}

/** @param {string} name */
export const sliderName = (name) => tOf("slider", name);

/** @param {string} name */
function row(name) {
  const [low, high] = all(/** @type {ListKey} */ (`slider.${name}.ends`));
  return sliderRow({
    id: `slider-${name}`, title: sliderName(name), low, high,
    labels: all(/** @type {ListKey} */ (`slider.${name}.buttons`)),
    min: -1, max: 1, step: 0.1, big: 0.2, neutral: 0, value: draft.sliders[name] || 0,
    toWords: (value) => inWords(name, value),
    onChange: (value) => {
      draft.sliders[name] = value;
      saveDraft();
    },
  });
}
