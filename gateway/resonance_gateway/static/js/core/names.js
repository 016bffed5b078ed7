// Names of takes: unique among those that are listed.

import { STRINGS, t } from "./strings.js";

const ordinals = new Intl.PluralRules("en", { type: "ordinal" });

/**
 * The name of each take, in the same order: its words; its time where others have the same words; and which of the minute it is where even
 * the times are equal, counted from the oldest. `own` are names that the user gave, by request id.
 * @param {TakeJson[]} records newest first
 * @param {Record<string, string>} own
 * @returns {string[]}
 */
export function uniqueNames(records, own = {}) {
  const plain = records.map((record) => own[record.request_id] || wordsOf(record));
  const timed = plain.map((name, i) => (isOnce(plain, name) ? name : [name, timeOf(records[i])].filter(Boolean).join(", ")));
  const names = timed.map((name, i) => (isOnce(timed, name) ? name : `${name}, ${ordinal(timed.slice(i).filter((other) => other === name).length)}`));
  return names.map((name, i) => (isOnce(names, name) ? name : `${name}, ${records[i].request_id.slice(0, 6)}`));
}

/** @param {TakeJson} record */
export const wordsOf = (record) => record.recipe.prompts.map((weighted) => weighted.text).join(", ");

/**
 * @param {string[]} names
 * @param {string} name
 */
const isOnce = (names, name) => names.indexOf(name) === names.lastIndexOf(name);

/** @param {TakeJson} record */
function timeOf(record) {
  if (!record.create_time) return "";
  const made = new Date(record.create_time);
  const isToday = made.toDateString() === new Date().toDateString();
  return made.toLocaleString(document.documentElement.lang, isToday ? { timeStyle: "short" } : { dateStyle: "medium", timeStyle: "short" });
}

/** @param {number} n */
const ordinal = (n) => t(/** @type {keyof typeof STRINGS} */ (`ordinal.${ordinals.select(n)}`), { n });
