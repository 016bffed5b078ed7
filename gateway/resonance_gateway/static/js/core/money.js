// Money and days as the page's language writes them.

/** @param {number} usd */
export const money = (usd) =>
  new Intl.NumberFormat(document.documentElement.lang, { style: "currency", currency: "USD", maximumFractionDigits: usd < 0.01 ? 4 : 3 }).format(usd);

/** @param {string} day such as `2026-11-30` */
export const longDay = (day) =>
  new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "medium", timeZone: "UTC" }).format(new Date(day));
