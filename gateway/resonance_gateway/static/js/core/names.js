// Names of takes: unique among those that are listed.

import { formatDate } from "./dates.js";
import { t } from "./strings.js";

/**
 * The name of each take, in the same order: its words; its time where others have the same words; and which of the minute it is where even
 * the times are equal, counted from the oldest. `own` are names that the user gave, by request id.
 * @param {TakeJson[]} records newest first
 * @param {Record<string, string>} own
 * @returns {string[]}
 */
export function uniqueNames(records, own = {}) {
  const plain = records.map((record) => own[record.request_id] || wordsOf(record));
  const plainCounts = counts(plain);
  const timed = plain.map((name, i) => (plainCounts.get(name) === 1 ? name : withDetail(name, timeOf(records[i]))));
  const timedCounts = counts(timed), left = new Map(timedCounts);
  const names = timed.map((name) => {
    if (timedCounts.get(name) === 1) return name;
    const place = left.get(name); // the newest comes first, the count begins at the oldest
    left.set(name, place - 1);
    return t("names.ordinal", { name, count: place });
  });
  const nameCounts = counts(names);
  return names.map((name, i) => (nameCounts.get(name) === 1 ? name : withDetail(name, records[i].request_id.slice(0, 6))));
}

/** @param {TakeJson} record */
export const wordsOf = (record) => record.recipe.prompts.map((weighted) => weighted.text).join(", ");

/**
 * How often each name occurs.
 * @param {string[]} names
 * @returns {Map<string, number>}
 */
function counts(names) {
  const found = new Map();
  for (const name of names) found.set(name, (found.get(name) ?? 0) + 1);
  return found;
}

/** @param {TakeJson} record */
function timeOf(record) {
  if (!record.create_time) return "";
  const made = new Date(record.create_time);
  const isToday = made.toDateString() === new Date().toDateString();
  return formatDate(made, isToday ? { timeStyle: "short" } : { dateStyle: "medium", timeStyle: "short" });
}

/**
 * @param {string} name
 * @param {string} detail
 */
const withDetail = (name, detail) => (detail ? t("names.with", { name, detail }) : name);
