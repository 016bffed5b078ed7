// Errors: what happened, what was kept, what next.

import { alarm } from "../core/announce.js";
import { el, show } from "../core/dom.js";
import { marked, tell } from "../core/server-texts.js";
import { sentences, t } from "../core/strings.js";

/**
 * Shows an error in `node` and announces it. `retry` is the action of the button "Try again", or null.
 * @param {HTMLElement} node
 * @param {ShownError} error
 * @param {{ kept: string, next?: string | null, retry?: (() => void) | null }} advice
 */
export function showProblem(node, error, { kept, next = null, retry = null }) {
  const { text: happened, isEnglish } = happening(error);
  const todo = next || whatNext(error);
  const button = retry && el("button", { type: "button", class: "button", onclick: retry }, t("error.tryAgain"));
  node.replaceChildren(el("p", { class: "happened" }, isEnglish ? marked(happened) : happened), el("p", {}, sentences(kept, todo)), ...(button ? [button] : []));
  show(node, true);
  alarm(sentences(happened, kept, todo));
}

/**
 * Removes an error from the page.
 * @param {HTMLElement} node
 * @param {HTMLElement | null} fallback
 */
export function clearProblem(node, fallback = null) {
  show(node, false, fallback);
  node.replaceChildren();
}

/**
 * The error in one sentence.
 * @param {ShownError} error
 */
export const whatHappened = (error) => happening(error).text;

/**
 * @param {ShownError} error
 * @returns {{ text: string, isEnglish: boolean }}
 */
function happening(error) {
  if (error.words) return { text: error.words, isEnglish: false };
  if (!error.problem) return { text: t("error.network"), isEnglish: false };
  const { reason } = error.problem;
  if (WORDS_BY_REASON[reason]) return { text: t(WORDS_BY_REASON[reason]), isEnglish: false };
  const [fault, ...others] = error.problem.errors || [];
  const isPlain = OBVIOUS_FIELDS.includes(fault?.field.replace(/\[\d+\]$/, "")) && !others.length;
  const text = (isPlain ? fault.message : error.problem.detail || "").replace(/[.;\s]+$/, "");
  return tell(fault && !others.length ? fault.reason : reason, text && `${text.charAt(0).toUpperCase()}${text.slice(1)}.`);
}

// Fields that are obvious from the form: their fault is shown without the field's name.
const OBVIOUS_FIELDS = ["url", "text", "tracks", "files", "melody"];
// Reasons whose server text is worded for programs.
/** @type {Record<string, TextKey>} */
const WORDS_BY_REASON = { NOTHING_TO_UNDO: "refine.nothingToUndo", KEY_REQUIRED: "error.key" };

// What helps depends on what is missing. The reasons are the services' own constants.
/** @type {Record<string, TextKey>} */
const NEXT_BY_REASON = {
  NO_SUCH_TASTE: "next.taste",
  MODEL_MISMATCH: "next.taste",
  SLIDER_NOT_READY: "next.sliders",
  CONCEPT_UNUSABLE: "next.sliders",
  NO_SUCH_CONCEPT: "next.sliders",
  KEY_REQUIRED: "next.key",
};

/** @param {ShownError} error */
function whatNext(error) {
  if (!error.problem) return error.words ? t("next.again") : t("next.check");
  const known = NEXT_BY_REASON[error.problem.reason];
  if (known) return t(known);
  if (error.retryAfterS) return t("next.wait", { count: error.retryAfterS });
  return error.status === 422 ? t("next.fix") : t("next.again");
}
