// Words of the music, and its length.

import { byId, el, show } from "../core/dom.js";
import { language } from "../core/language.js";
import { draft, saveDraft } from "../core/store.js";
import { all, lengthOf } from "../core/strings.js";

/** What the examples put into the field: the words that models know are English. */
const IDEAS = ["calm piano for studying", "slow guitar by the sea", "happy drums for a walk", "deep warm synths at night"];
const LENGTHS_S = [10, 20, 30, 60, 120, 300];

/** Fills in the words step from the draft and keeps the draft up to date. */
export function buildWords() {
  const prompt = byId("prompt");
  prompt.value = draft.prompt;
  prompt.addEventListener("input", () => {
    draft.prompt = prompt.value;
    saveDraft();
    clearFault();
  });
  /**
   * @param {string} text
   * @param {number} i
   */
  const idea = (text, i) => el("button", { type: "button", class: "chip", "data-words": IDEAS[i], onclick: () => setWords(IDEAS[i]) }, text);
  byId("ideas").replaceChildren(...all("words.examples").map(idea));
  buildLengths(LENGTHS_S.at(-1));
  byId("duration").addEventListener("change", () => {
    draft.durationS = Number(byId("duration").value);
    saveDraft();
  });
}

/**
 * Offers the lengths that this model makes.
 * @param {number} mostS
 */
export function buildLengths(mostS) {
  const select = byId("duration");
  const lengths = LENGTHS_S.filter((seconds) => seconds <= mostS);
  select.replaceChildren(...lengths.map((seconds) => el("option", { value: seconds }, lengthOf(seconds))));
  select.value = String(lengths.includes(draft.durationS) ? draft.durationS : lengths[Math.min(1, lengths.length - 1)]);
  draft.durationS = Number(select.value);
}

/**
 * Chooses a length; one that is not in the list leaves the choice as it is.
 * @param {number} seconds
 */
export function setLength(seconds) {
  const select = byId("duration");
  if ([...select.options].some((option) => Number(option.value) === seconds)) select.value = String(seconds);
  draft.durationS = Number(select.value);
  saveDraft();
}

/**
 * Puts words into the field, as if they were written.
 * @param {string} text
 */
export function setWords(text) {
  byId("prompt").value = draft.prompt = text;
  saveDraft();
  clearFault();
}

/**
 * Whether the model says that it knows the words of English alone.
 * @param {ModelJson | null} model
 */
export const knowsEnglishOnly = (model) => model?.capabilities?.prompt_languages?.join() === "en";

/**
 * On a page of another language, says which language the model knows.
 * @param {ModelJson} model
 */
export const tellLanguages = (model) => show(byId("prompt-language"), language !== "en" && knowsEnglishOnly(model));

/**
 * Marks the field; the user can go on at once.
 * @param {string} message
 */
export function showFault(message) {
  const fault = byId("prompt-error");
  fault.textContent = message;
  show(fault, true);
  byId("prompt").setAttribute("aria-invalid", "true");
  byId("prompt").focus();
}

function clearFault() {
  show(byId("prompt-error"), false);
  byId("prompt").removeAttribute("aria-invalid");
}
