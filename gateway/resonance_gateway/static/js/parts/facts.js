// Facts about a take: model, licence, training data, steering, limits.

import { byId, clock, el, show } from "../core/dom.js";
import { labelOf, withLabels } from "./own-sliders.js";
import { money } from "../core/money.js";
import { keyInWords } from "./music.js";
import { inWords } from "./sliders.js";
import { around, marked } from "../core/server-texts.js";
import { list, t } from "../core/strings.js";

/**
 * Says what was changed about a request, in whole sentences, where the sound is; nothing where nothing was.
 * @param {string[]} notices what the server says
 * @param {string} own what the page itself says
 */
export function showNotices(notices, own = "") {
  byId("notices").replaceChildren(marked(withLabels(notices.map(sentence).join(" "))), own);
  show(byId("notices"), notices.length > 0 || own !== "");
}

/** @param {string} notice */
const sentence = (notice) => `${notice.charAt(0).toUpperCase()}${notice.slice(1)}${/[.!?]$/.test(notice) ? "" : "."}`;

/**
 * Fills in the facts of a take; `loaded` (the loaded model) and `record` (the stored take) may still be missing.
 * @param {import("../sound/take.js").Take} take
 * @param {ModelJson | null} loaded
 * @param {TakeJson} record
 */
export function showFacts(take, loaded, record) {
  const { stream } = take;
  const model = loaded?.model_id === stream.model ? loaded : null; // the loaded model's licence and limits are not another one's
  /** @type {[TextKey, any][]} */
  const facts = [
    ["details.made", t("details.machine")],
    ["details.words", take.body.prompt],
    ["details.model", stream.model],
    ["details.backend", stream.backend],
    ["details.steering", describeSteering(stream.steering)],
    ["details.duration", clock(take.durationS)],
    ["details.bpm", record && describeTempo(record)],
    ["details.key", record && describeKey(record)],
    ["details.rate", t("details.hz", { rate: take.sampleRateHz })],
    ["details.cost", record?.cost_usd && money(record.cost_usd)],
    ["details.seed", String(stream.seed)],
    ["details.id", take.requestId],
    ["details.license", model && model.weights_license],
    ["details.data", model?.training_data && marked(model.training_data)],
    ["details.limits", model?.limits_note && marked(model.limits_note)],
  ];
  const rows = facts.filter(([, value]) => value);
  byId("facts").replaceChildren(...rows.flatMap(([key, value]) => [el("dt", {}, t(key)), el("dd", {}, ...[value].flat())]));
}

/**
 * The tempo that was heard, beside the one that was asked for, or why there is none.
 * @param {TakeJson} record
 * @returns {(string | Node)[]}
 */
function describeTempo({ bpm, asked, heard }) {
  const none = heard ? around("details.none", "why", [marked(heard.no_bpm)]) : [t("details.notYet")];
  const said = bpm === null ? none : [String(Math.round(bpm))];
  return asked?.bpm ? around("details.bpmAsked", "heard", said, { asked: Math.round(asked.bpm) }) : said;
}

/**
 * @param {TakeJson} record
 * @returns {(string | Node)[]}
 */
function describeKey({ asked, heard }) {
  if (!heard) return [t("details.notYet")];
  const key = heard.key && t("details.keySure", { key: keyInWords(heard.key), share: Math.round(100 * heard.key_confidence) });
  const said = key ? [key] : around("details.none", "why", [marked(heard.no_key)]);
  return asked?.key ? around("details.bpmAsked", "heard", said, { asked: keyInWords(asked.key) }) : said;
}

/** @param {TakeStreamInfo["steering"]} acting */
function describeSteering(acting) {
  if (!acting) return t("details.nothing");
  const sliders = Object.entries(acting.sliders || {}).map(([name, value]) => inWords(name, value));
  const tastes = Object.keys(acting.tastes || {}).map(() => t("taste.unnamed"));
  return list([...tastes, ...Object.keys(acting.concepts || {}).map(labelOf), ...sliders]);
}
