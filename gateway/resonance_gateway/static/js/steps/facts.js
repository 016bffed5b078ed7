// Facts about a take: model, licence, training data, steering, limits.

import { byId, clock, el, show } from "../widgets/dom.js";
import { labelOf, withLabels } from "./own-sliders.js";
import { inWords } from "./sliders.js";
import { t } from "../strings.js";

/**
 * Says what was changed about a request, in whole sentences, where the sound is; nothing where nothing was.
 * @param {string[]} notices
 */
export function showNotices(notices) {
  byId("notices").textContent = withLabels(notices.map(sentence).join(" "));
  show(byId("notices"), notices.length > 0);
}

/** @param {string} notice */
const sentence = (notice) => `${notice.charAt(0).toUpperCase()}${notice.slice(1)}${/[.!?]$/.test(notice) ? "" : "."}`;

/**
 * Fills in the facts of a take; `model` and `record` (the stored take) may still be missing.
 * @param {import("../player/take.js").Take} take
 * @param {ModelJson | null} model
 * @param {TakeJson} record
 */
export function showFacts(take, model, record) {
  const { stream } = take;
  const facts = [
    ["details.made", t("details.machine")],
    ["details.model", stream.model],
    ["details.backend", stream.backend],
    ["details.steering", describeSteering(stream.steering)],
    ["details.duration", clock(take.durationS)],
    ["details.bpm", record && (record.bpm === null ? t("details.bpmNone") : String(Math.round(record.bpm)))],
    ["details.rate", t("details.hz", { rate: take.sampleRateHz })],
    ["details.seed", String(stream.seed)],
    ["details.id", take.requestId],
    ["details.license", model && model.weights_license],
    ["details.data", model && model.training_data],
    ["details.limits", model && model.limits_note],
  ];
  const rows = facts.filter(([, value]) => value);
  byId("facts").replaceChildren(...rows.flatMap(([key, value]) => [el("dt", {}, t(key)), el("dd", {}, value)]));
}

/** @param {TakeStreamInfo["steering"]} acting */
function describeSteering(acting) {
  if (!acting) return t("details.nothing");
  const sliders = Object.entries(acting.sliders || {}).map(([name, value]) => inWords(name, value));
  const tastes = Object.keys(acting.tastes || {}).map(() => t("taste.unnamed").toLowerCase());
  return [...tastes, ...Object.keys(acting.concepts || {}).map(labelOf), ...sliders].join(", ");
}
