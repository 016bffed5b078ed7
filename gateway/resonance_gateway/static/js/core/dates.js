// Dates in the page's language.

import { locale } from "./language.js";

/** @type {Map<string, Intl.DateTimeFormat>} */
const formats = new Map();

/**
 * A date in words. A format is made once: that takes as long as drawing a row of a list.
 * @param {Date} date
 * @param {Intl.DateTimeFormatOptions} options
 * @returns {string}
 */
export function formatDate(date, options) {
  const key = JSON.stringify(options);
  const format = formats.get(key) ?? new Intl.DateTimeFormat(locale, options);
  formats.set(key, format);
  return format.format(date);
}
