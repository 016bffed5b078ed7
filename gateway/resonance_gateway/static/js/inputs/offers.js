// Values that commands can be run with by a switch: times, lengths, keys, versions, sliders.

import { byId, clock } from "../core/dom.js";
import { state } from "../core/state.js";
import { draft, loadVersions, settings } from "../core/store.js";
import { all, lengthOf, t } from "../core/strings.js";
import { keyInWords, keyNames } from "../parts/music.js";
import { NAMES, shownSliders, sliderName } from "../parts/sliders.js";

/** @typedef {import("./scan-tree.js").Offer} Offer */

const VOLUME_STEP = 0.1;
const TEMPO_STEP = 10;
const TEMPO = 100;
const LONGER_S = 10;
const SLIDER_STEP = 0.2;
const NEWEST = 5;

/** @type {Record<string, () => Offer[]>} */
const OFFERS = {
  seek: () => parts(4).map(({ fromS }) => ({ name: clock(fromS), args: { atS: fromS } })),
  volume: () => [VOLUME_STEP, -VOLUME_STEP].map((by) => ({ by, to: Math.min(1, Math.max(0, settings.volume + by)) }))
    .map(({ by, to }) => ({ name: t("act.volume", { percent: Math.round(100 * to) }), args: { by } })),
  longer: () => [
    { name: t("listen.longer"), args: { byS: LONGER_S } },
    { name: t("scan.shorter"), args: { byS: -LONGER_S } },
  ],
  length: () => [...byId("duration").options].map(({ value }) => ({ name: lengthOf(Number(value)), args: { toS: Number(value) } })),
  part: () => (state.part.value ? [state.part.value] : parts(3))
    .map((part) => ({ name: t("part.is", { from: clock(part.fromS), to: clock(part.toS) }), args: { part } })),
  words: () => [
    ...[...byId("ideas").querySelectorAll("button")].map((idea) => ({ name: idea.textContent ?? "", args: { to: idea.dataset.words } })),
    { name: t("words.title"), args: {} },
  ],
  tempo: () => [TEMPO_STEP, -TEMPO_STEP].map((by) => Math.min(240, Math.max(40, tempo() + by)))
    .map((bpm) => ({ name: t("act.tempo", { bpm }), args: { bpm } })),
  musicKey: () => {
    const names = keyNames();
    const at = names.indexOf(draft.music.key ?? "");
    return [
      ...[at + 1, at < 0 ? -1 : at - 1].map((i) => names[(i + names.length) % names.length]).map((key) => ({ name: keyInWords(key), args: { key } })),
      { name: t("music.anyKey"), args: { key: "" } },
    ];
  },
  taste: () => ["more", "less"].map((to) => {
    const button = byId("taste-strength-row").querySelector(`.${to}`);
    return { name: button?.getAttribute("aria-label") ?? "", args: { to } };
  }),
  version: () => loadVersions().items.slice(-NEWEST).map((/** @type {Version} */ { number }) => ({ name: t("versions.name", { number }), args: { number } })),
};

/** The values of a command; null where it has none. @param {string} id */
export const offersOf = (id) => OFFERS[id]?.() ?? null;

/** The sliders that are shown, each with more, less and the middle. */
export function sliders() {
  const fixed = shownSliders().map((name) => {
    const [less, more, reset] = all(/** @type {ListKey} */ (`slider.${name}.buttons`));
    return row(name, sliderName(name), [more, less, reset]);
  });
  return [...fixed, ...draft.own.map(({ name, label }) => {
    const [less, more, reset] = all("own.buttons", { label });
    return row(name, t("quoted", { text: label }), [more, less, reset]);
  })];
}

/** What a knob can be taught: the volume and the sliders. @returns {{ id: string, name: string, args: Record<string, any> }[]} */
export const knobs = () => [
  ...NAMES.map((name) => ({ id: "slider", name: sliderName(name), args: { name } })),
  { id: "volume", name: t("listen.volume"), args: {} },
];

/**
 * @param {string} name
 * @param {string} title
 * @param {string[]} labels more, less and the middle
 */
function row(name, title, [more, less, reset]) {
  return { id: `slider-${name}`, name: title, offers: [
    { name: more, args: { name, by: SLIDER_STEP } },
    { name: less, args: { name, by: -SLIDER_STEP } },
    { name: reset, args: { name, to: 0 } },
  ] };
}

const tempo = () => Number(draft.music.bpm) || state.record.value?.bpm || TEMPO;

/** The take in this many parts. @param {number} count */
function parts(count) {
  const durationS = state.take.value?.durationS ?? 0;
  return Array.from({ length: count }, (_, i) => ({ fromS: i * durationS / count, toS: (i + 1) * durationS / count }));
}
