// How songs become a taste: three choices that the service has good defaults for, kept in a closed section.

import { el } from "./dom.js";
import { draft, saveDraft } from "./store.js";
import { t } from "./strings.js";

// The first of each is the service's default, which is not sent.
const CHOICES = {
  mix_mode: ["mean", "attention_weighted"],
  direction_kind: ["contrast", "mean", "words"],
  whitening: ["none", "diagonal", "shrunk"],
};

/** Fills `place` with a labelled list for each choice; what is chosen goes into the draft. */
export function buildMix(place) {
  place.replaceChildren(...Object.entries(CHOICES).map(([name, words]) => {
    const options = words.map((word) => el("option", { value: word }, t(`mix.${name}.${word}`)));
    const select = el("select", { id: `mix-${name}`, onchange: () => choose(name, select.value) }, ...options);
    select.value = draft.mix[name] || words[0];
    return el("div", {}, el("label", { for: select.id, class: "label" }, t(`mix.${name}`)), select);
  }));
}

function choose(name, word) {
  const { [name]: _, ...others } = draft.mix;
  draft.mix = word === CHOICES[name][0] ? others : { ...others, [name]: word };
  saveDraft();
}
