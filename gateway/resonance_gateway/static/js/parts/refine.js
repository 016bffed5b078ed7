// Refinement of the sliders in words.

import * as api from "../core/api.js";
import { alarm, sayNow } from "../core/announce.js";
import { byId, enable, isDisabled, show } from "../core/dom.js";
import { clearProblem, showProblem } from "./problem.js";
import { setOwnSliders } from "./own-sliders.js";
import { setSliders } from "./sliders.js";
import { draft } from "../core/store.js";
import { t } from "../core/strings.js";

const STEPS_BACK = 50;
const READING_AFTER_MS = 700; // a new phrase is read by the model, which takes seconds
/** @type {SlidersThen[]} */
const before = [];

/** Watches the form. `onMoved` is called after words have moved the sliders. */
export function buildRefine({ onMoved = () => {} } = {}) {
  byId("refine-form").addEventListener("submit", (event) => {
    event.preventDefault();
    if (!isDisabled(byId("refine-go"))) ask(onMoved);
  });
  byId("refine-back").addEventListener("click", () => {
    if (isDisabled(byId("refine-back"))) return;
    put(before.pop());
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
  const asked = { sliders: { ...draft.sliders }, own: draft.own.map((one) => ({ ...one })) };
  const reading = setTimeout(() => showAnswer(t("refine.reading")), READING_AFTER_MS);
  try {
    const found = await api.refine(text, asked, before.at(-1), draft.prompt.trim());
    if (found.changes.length || found.concept_changes.length) {
      move(asked, found);
      onMoved();
    }
    field.value = "";
    showAnswer(found.explanation);
  } catch (error) {
    show(byId("refine-message"), false);
    showProblem(byId("refine-error"), error, { kept: t("refine.kept"), next: t("refine.next") });
  } finally {
    clearTimeout(reading);
    enable(byId("refine-go"), true);
  }
}

/**
 * @param {SlidersThen} from
 * @param {RefinementJson} to
 */
function move(from, to) {
  const earlier = before.at(-1);
  before.push(from);
  if (before.length > STEPS_BACK) before.shift();
  enable(byId("refine-back"), true);
  // A wish that takes back the last one leaves no slider behind that came with it.
  const isKept = (/** @type {OwnSlider} */ one) => one.position || !earlier || earlier.own.some((other) => other.name === one.name);
  put({ sliders: to.sliders, own: to.concepts.filter(isKept).map(({ name, label, position }) => ({ name, label, position })) });
}

/** @param {SlidersThen} then */
function put({ sliders, own }) {
  setSliders(Object.fromEntries(Object.entries(sliders).filter(([, value]) => value)));
  setOwnSliders(own);
}

/** @param {string} text */
function showAnswer(text) {
  byId("refine-message").textContent = text;
  show(byId("refine-message"), true);
  sayNow(text);
}
