// Refinement of the sliders in words.

import * as api from "../net/api.js";
import { alarm, sayNow } from "../widgets/announce.js";
import { byId, enable, isDisabled, show } from "../widgets/dom.js";
import { clearProblem, showProblem } from "../widgets/problem.js";
import { setSliders } from "./sliders.js";
import { draft } from "../store.js";
import { t } from "../strings.js";

const STEPS_BACK = 50;
/** @type {SliderValues[]} */
const before = [];

/** Watches the form. `onMoved` is called after words have moved the sliders. */
export function buildRefine({ onMoved = () => {} } = {}) {
  byId("refine-form").addEventListener("submit", (event) => {
    event.preventDefault();
    if (!isDisabled(byId("refine-go"))) ask(onMoved);
  });
  byId("refine-back").addEventListener("click", () => {
    if (isDisabled(byId("refine-back"))) return;
    setSliders(before.pop());
    enable(byId("refine-back"), before.length > 0);
    showAnswer(t("refine.takenBack"));
    onMoved();
  });
  enable(byId("refine-back"), false);
}

/** @param {() => void} onMoved */
async function ask(onMoved) {
  const field = byId("refine-text");
  const text = field.value.trim();
  if (!text) {
    alarm(t("refine.empty"));
    field.focus();
    return;
  }
  clearProblem(byId("refine-error"));
  enable(byId("refine-go"), false);
  const asked = { ...draft.sliders };
  try {
    const found = await api.refine(text, asked, before.at(-1));
    if (found.changes.length) {
      move(asked, found.sliders);
      onMoved();
    }
    field.value = "";
    showAnswer(found.explanation);
  } catch (error) {
    show(byId("refine-message"), false);
    showProblem(byId("refine-error"), error, { kept: t("refine.kept"), next: t("refine.next") });
  } finally {
    enable(byId("refine-go"), true);
  }
}

/**
 * @param {SliderValues} from
 * @param {SliderValues} to
 */
function move(from, to) {
  before.push(from);
  if (before.length > STEPS_BACK) before.shift();
  enable(byId("refine-back"), true);
  setSliders(Object.fromEntries(Object.entries(to).filter(([, value]) => value)));
}

/** @param {string} text */
function showAnswer(text) {
  byId("refine-message").textContent = text;
  show(byId("refine-message"), true);
  sayNow(text);
}
