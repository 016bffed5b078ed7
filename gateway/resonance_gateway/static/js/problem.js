// Errors on the page: what happened, what we kept, what to do next.

import { alarm } from "./announce.js";
import { el, show } from "./dom.js";
import { t } from "./strings.js";

/** Shows an error in `node` and says it. `kept` is a string; `retry` is what a button does, or null. */
export function showProblem(node, error, { kept, next = null, retry = null }) {
  const happened = whatHappened(error);
  const todo = next || whatNext(error);
  const button = retry && el("button", { type: "button", class: "button", onclick: retry }, t("error.tryAgain"));
  node.replaceChildren(el("p", { class: "happened" }, happened), el("p", {}, `${kept} ${todo}`), ...(button ? [button] : []));
  show(node, true);
  alarm(`${happened} ${kept} ${todo}`);
}

/** Takes an error off the page. */
export function clearProblem(node, fallback) {
  show(node, false, fallback);
  node.replaceChildren();
}

function whatHappened(error) {
  if (error.words) return error.words;
  if (!error.problem) return t("error.network");
  if (error.problem.reason === "KEY_REQUIRED") return t("error.key");
  if (WORDS_BY_REASON[error.problem.reason]) return t(WORDS_BY_REASON[error.problem.reason]);
  const [fault, ...others] = error.problem.errors || [];
  const isPlain = FIELDS_ON_SIGHT.includes(fault?.field) && !others.length;
  const text = (isPlain ? fault.message : error.problem.detail).replace(/[.;\s]+$/, "");
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

// Of these one sees oneself which field is meant.
const FIELDS_ON_SIGHT = ["url", "text", "tracks", "files", "melody"];
// Refusals that are worded for programs.
const WORDS_BY_REASON = { NOTHING_TO_UNDO: "refine.nothingToUndo" };

// What helps depends on what is missing. The reasons are the services' own constants.
const NEXT_BY_REASON = {
  NO_SUCH_TASTE: "next.taste",
  MODEL_MISMATCH: "next.taste",
  SLIDER_NOT_READY: "next.sliders",
  CONCEPT_UNUSABLE: "next.sliders",
  NO_SUCH_CONCEPT: "next.sliders",
  KEY_REQUIRED: "next.key",
};

function whatNext(error) {
  if (!error.problem) return error.words ? t("next.again") : t("next.check");
  const known = NEXT_BY_REASON[error.problem.reason];
  if (known) return t(known);
  if (error.retryAfterS) return t("next.wait", { seconds: error.retryAfterS });
  return error.status === 422 ? t("next.fix") : t("next.again");
}
