// Texts of the page in its language. They stand in languages/*.json.

import { isRightToLeft, language, locale, texts } from "./language.js";

/** Keys whose forms are those of "1st, 2nd, 3rd". */
const ORDINALS = ["names.ordinal"];
const cardinals = new Intl.PluralRules(locale);
const ordinals = new Intl.PluralRules(locale, { type: "ordinal" });
const numbers = new Intl.NumberFormat(locale, { maximumFractionDigits: 1, useGrouping: false });
const lists = new Intl.ListFormat(locale, { type: "conjunction", style: "narrow" });
const lengths = Object.fromEntries(["second", "minute"].map((unit) => [unit, new Intl.NumberFormat(locale, { style: "unit", unit, unitDisplay: "long" })]));
/** Languages that put no space between sentences. */
const isSpaced = !["ja", "zh"].includes(language);

/**
 * The text of a key with its {names} filled in. A text with forms takes the one that `count` needs.
 * @param {TextKey} key
 * @param {Values} values
 * @returns {string}
 */
export function t(key, values = {}) {
  const text = /** @type {string | Record<string, string>} */ (texts[key]);
  if (typeof text === "string") return filled(text, values);
  if (!text) throw new Error(`no text ${key}`);
  const rules = ORDINALS.includes(key) ? ordinals : cardinals;
  return filled(text[rules.select(Number(values.count))] ?? text.other, values);
}

/**
 * The text of a key whose last part is a value, such as the state of a song.
 * @param {TextGroup} group
 * @param {string} name
 * @param {Values} values
 */
export const tOf = (group, name, values = {}) => t(/** @type {TextKey} */ (`${group}.${name}`), values);

/**
 * The texts of a key that has several, such as the ends of a slider.
 * @param {ListKey} key
 * @param {Values} values
 * @returns {string[]}
 */
export const all = (key, values = {}) => /** @type {string[]} */ (texts[key]).map((text) => filled(text, values));

/** @param {string} key */
export const has = (key) => Object.hasOwn(texts, key);

/**
 * "10 seconds", "2 minutes".
 * @param {number} seconds
 */
export function lengthOf(seconds) {
  const isMinutes = seconds >= 60 && seconds % 60 === 0;
  return lengths[isMinutes ? "minute" : "second"].format(isMinutes ? seconds / 60 : seconds);
}

/**
 * "one, two, three" as the language lists them.
 * @param {string[]} items
 */
export const list = (items) => lists.format(items);

/**
 * Whole sentences one after the other; empty ones are left out.
 * @param {...(string | undefined)} said
 */
export const sentences = (...said) => said.filter(Boolean).join(isSpaced ? " " : "");

/**
 * @param {string} text
 * @param {Values} values
 */
function filled(text, values) {
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? isolated(values[name]) : whole));
}

/**
 * A value as the language writes it. In right-to-left text a name of another script is isolated, so that it does not turn its surroundings.
 * @param {string | number} value
 */
function isolated(value) {
  if (typeof value === "number") return numbers.format(value);
  return isRightToLeft && value ? `\u2068${value}\u2069` : value;
}
