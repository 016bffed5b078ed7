// Options of a new taste.
// Three choices with the defaults of the service, in a closed section.

import { el } from "../core/dom.js";
import { draft, saveDraft } from "../core/store.js";
import { tOf, t } from "../core/strings.js";

// The first of each is the service's default, which is not sent.
const CHOICES = {
  mix_mode: ["mean", "attention_weighted"],
  direction_kind: ["contrast", "mean", "words"],
  whitening: ["none", "diagonal", "shrunk"],
};

const CHOICE_NAMES = /** @type {(keyof typeof CHOICES)[]} */ (Object.keys(CHOICES));

/**
 * Fills `place` with a labelled list for each choice; what is chosen goes into the draft.
 * @param {HTMLElement} place
 */
export function buildMix(place) {
  place.replaceChildren(...CHOICE_NAMES.map((name) => {
    const words = CHOICES[name];
    const options = words.map((word) => el("option", { value: word }, tOf(`mix.${name}`, word)));
    const select = el("select", { id: `mix-${name}`, onchange: () => choose(name, select.value) }, ...options);
    select.value = draft.mix[name] || words[0];
    return el("div", {}, el("label", { for: select.id, class: "label" }, tOf("mix", name)), select);
  }));
}

/**
 * @param {keyof typeof CHOICES} name
 * @param {string} word
 */
function choose(name, word) {
  const { [name]: _, ...others } = draft.mix;
  draft.mix = word === CHOICES[name][0] ? others : { ...others, [name]: word };
  saveDraft();
}
