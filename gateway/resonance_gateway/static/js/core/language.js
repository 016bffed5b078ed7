// Language of the page: which one it is, and its file of texts.

/** @typedef {"en" | "de" | "es" | "fr" | "pt" | "ar" | "ja" | "zh"} Language */

/**
 * Each language in its own words; the tag that the document has; and the locale of its numbers and dates. Arabic has the digits of clocks
 * and fields, which are always 0 to 9.
 * @type {Record<Language, { name: string, tag: string, locale: string, direction: "ltr" | "rtl" }>}
 */
export const LANGUAGES = {
  en: { name: "English", tag: "en", locale: "en", direction: "ltr" },
  de: { name: "Deutsch", tag: "de", locale: "de", direction: "ltr" },
  es: { name: "Español", tag: "es", locale: "es", direction: "ltr" },
  fr: { name: "Français", tag: "fr", locale: "fr", direction: "ltr" },
  pt: { name: "Português", tag: "pt-BR", locale: "pt-BR", direction: "ltr" },
  ar: { name: "العربية", tag: "ar", locale: "ar-u-nu-latn", direction: "rtl" },
  ja: { name: "日本語", tag: "ja", locale: "ja", direction: "ltr" },
  zh: { name: "中文（简体）", tag: "zh-Hans", locale: "zh-Hans", direction: "ltr" },
};

const KEPT = "resonance.language";
const PARAMETER = "lang";

/** @type {Language} */
export const language = asked() ?? kept() ?? preferred();
export const { locale } = LANGUAGES[language];
export const isRightToLeft = LANGUAGES[language].direction === "rtl";
document.documentElement.lang = LANGUAGES[language].tag;
document.documentElement.dir = LANGUAGES[language].direction;

/**
 * The file of the language alone; all files have the same keys, so that no other is needed.
 * @type {{ texts: Strings, says: import("./sayings.js").Says | null }}
 */
export const { texts, says } = await load();

/**
 * Remembers a language and opens the page anew in it.
 * @param {Language} chosen
 */
export function chooseLanguage(chosen) {
  try {
    localStorage.setItem(KEPT, chosen);
  } catch {} // a private window may refuse storage; the address then holds the language
  const url = new URL(location.href);
  if (kept() === chosen) url.searchParams.delete(PARAMETER);
  else url.searchParams.set(PARAMETER, chosen);
  location.replace(url);
}

/** The language that the address names. */
function asked() {
  return known(new URL(location.href).searchParams.get(PARAMETER));
}

/** The language that was chosen here before. */
function kept() {
  try {
    return known(localStorage.getItem(KEPT));
  } catch {
    return null;
  }
}

/** The first language of the browser's list that there is. */
function preferred() {
  return navigator.languages.map(known).find((one) => one !== null) ?? "en";
}

/**
 * @param {string | null} tag such as `pt-BR`
 * @returns {Language | null}
 */
function known(tag) {
  const [code] = (tag ?? "").toLowerCase().split("-");
  return Object.hasOwn(LANGUAGES, code) ? /** @type {Language} */ (code) : null;
}

async function load() {
  const answer = await fetch(new URL(`../../languages/${language}.json`, import.meta.url));
  if (!answer.ok) throw new Error(`no texts of ${language}: ${answer.status}`);
  return answer.json();
}
