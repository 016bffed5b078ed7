// Texts of the server: told by their reason in the page's language, else as they are and marked as English.

import { el } from "./dom.js";
import { language } from "./language.js";
import { has, t } from "./strings.js";

/**
 * A fault in the page's language, or the server's own words. `isEnglish` says that they are English on a page of another language.
 * @param {string | undefined} reason
 * @param {string} message
 * @returns {{ text: string, isEnglish: boolean }}
 */
export function tell(reason, message) {
  const key = `problem.${reason}`;
  if (has(key) && (language !== "en" || !message)) return { text: t(/** @type {TextKey} */ (key)), isEnglish: false };
  return { text: message, isEnglish: language !== "en" && message !== "" };
}

/**
 * A text of the page around what the server says, which is marked where it is English.
 * @param {TextKey} key
 * @param {string} name the name in the text
 * @param {(string | Node)[]} said
 * @param {Values} values of the other names
 * @returns {(string | Node)[]}
 */
export function around(key, name, said, values = {}) {
  const [before, after] = t(key, { ...values, [name]: "\u0000" }).split("\u0000");
  return [before, ...said, after];
}

/**
 * What `tell` found, as a node that is marked where it is English.
 * @param {{ text: string, isEnglish: boolean }} told
 */
export const shown = ({ text, isEnglish }) => (isEnglish ? marked(text) : text);

/**
 * The server's own words, marked where the page has another language.
 * @param {string} text
 */
export const marked = (text) => (language === "en" ? document.createTextNode(text) : el("span", { lang: "en", dir: "ltr" }, text));
