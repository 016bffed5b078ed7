// Choice of the page's language in the settings.

import { byId, el } from "../core/dom.js";
import { chooseLanguage, language, LANGUAGES } from "../core/language.js";

/** Offers every language in its own words. */
export function buildLanguage() {
  const select = byId("language");
  select.replaceChildren(...Object.entries(LANGUAGES).map(([code, { name, tag }]) => el("option", { value: code, lang: tag }, name)));
  select.value = language;
  select.addEventListener("change", () => chooseLanguage(/** @type {import("../core/language.js").Language} */ (select.value)));
}
