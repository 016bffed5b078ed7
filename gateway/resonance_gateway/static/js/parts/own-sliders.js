// Sliders of the user's own words.
// A wish such as "dreamier" adds one; it moves like the others and can be removed.

import { sayNow } from "../core/announce.js";
import { byId, el, show } from "../core/dom.js";
import { sliderRow } from "./slider.js";
import { degreeOf } from "./sliders.js";
import { draft, saveDraft } from "../core/store.js";
import { all, t } from "../core/strings.js";

/**
 * Shows these sliders, in this order.
 * @param {OwnSlider[]} sliders
 */
export function setOwnSliders(sliders) {
  draft.own = sliders.map((one) => ({ ...one }));
  for (const { name, label } of sliders) draft.labels[name] = label;
  saveDraft();
  draw();
}

/** Sets them all to the middle. */
export const centreOwnSliders = () => setOwnSliders(draft.own.map((one) => ({ ...one, position: 0 })));

/**
 * Moves one of them; answers with its value in words.
 * @param {string} name
 * @param {number} value
 */
export function moveOwn(name, value) {
  setOwnSliders(draft.own.map((one) => (one.name === name ? { ...one, position: value } : one)));
  return ownInWords(name, value);
}

/** Those that are not in the middle, as a recipe names them. */
export const movedOwn = () => draft.own.filter((one) => one.position).map(({ name, position }) => ({ name, position }));

/** The recipe field of the moved ones; empty without any. */
export const ownFields = () => (movedOwn().length ? { concepts: movedOwn() } : {});

/**
 * The sliders of a recipe's concepts that stand at a position.
 * @param {{ name: string, position?: number | null }[]} concepts
 * @returns {OwnSlider[]}
 */
export const toOwn = (concepts) =>
  concepts.filter((one) => one.position).map(({ name, position }) => ({ name, label: labelOf(name), position }));

/**
 * What the user called a concept.
 * @param {string} name
 */
export const labelOf = (name) => draft.labels[name] || name.replace(/[-_]/g, " ");

/**
 * A text of the server with the user's words in place of the names of concepts.
 * @param {string} text
 */
export const withLabels = (text) => text.replace(/phrase-[0-9a-f]{16}/g, (name) => (draft.labels[name] ? t("quoted", { text: labelOf(name) }) : name));

/**
 * Remembers what the concepts of the server are called.
 * @param {ConceptJson[]} concepts
 */
export function rememberLabels(concepts) {
  for (const { name, phrase } of concepts) if (phrase) draft.labels[name] = phrase;
}

/**
 * A position in plain words: "slightly more like “rainy night”".
 * @param {string} name
 * @param {number} value
 */
export function ownInWords(name, value) {
  return all("own.values", { label: labelOf(name) })[degreeOf(value)];
}

/** Draws the sliders of the draft. */
export function draw() {
  byId("own-sliders").replaceChildren(...draft.own.map(row));
  show(byId("own-sliders"), draft.own.length > 0);
}

/** @param {OwnSlider} own */
function row(own) {
  const built = sliderRow({
    id: `slider-${own.name}`, title: t("quoted", { text: own.label }), low: t("own.low"), high: t("own.high"),
    labels: all("own.buttons", { label: own.label }),
    min: -1, max: 1, step: 0.05, big: 0.2, neutral: 0, value: own.position,
    toWords: (value) => ownInWords(own.name, value),
    onChange: (value) => {
      own.position = value;
      saveDraft();
    },
  });
  const remove = el("button", { type: "button", class: "button quiet remove", "aria-label": t("own.removeLong", { label: own.label }), onclick: () => drop(own.name) }, t("own.remove"));
  built.node.append(remove);
  return built.node;
}

/** @param {string} name */
function drop(name) {
  setOwnSliders(draft.own.filter((one) => one.name !== name));
  sayNow(t("own.removed", { label: labelOf(name) }));
  byId("refine-text").focus();
}
