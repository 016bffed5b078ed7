// Description in words of what the player holds: what the picture and the waveform show.

import { clock } from "../core/dom.js";
import { state } from "../core/state.js";
import { lengthOf, list, sentences, t } from "../core/strings.js";
import { keyInWords } from "./music.js";

const PARTS = 5;
const QUIET = 0.5;

/**
 * "20 seconds, 94 beats a minute, A minor. Quiet start, loudest at 0:12. You are at 0:09."
 * @param {import("../sound/player.js").Player} player
 * @param {boolean} isLive
 */
export function describe(player, isLive) {
  if (isLive) {
    const { playedS, isPaused, heard } = state.live.value;
    return sentences(t("describe.live", { at: clock(playedS) }), isPaused ? t("live.paused") : "", heard);
  }
  const { take, positionS } = player;
  const what = list([lengthOf(Math.round(take.durationS)), ...musicFacts(state.record.value, take)]);
  return sentences(t("describe.what", { what }), loudness(take), t("describe.at", { at: clock(positionS) }));
}

/**
 * Tempo and key as far as they are known; says where they are still being measured.
 * @param {TakeJson | null} record
 * @param {import("../sound/take.js").Take} take
 * @returns {string[]}
 */
export function musicFacts(record, take) {
  if (take.isExample || take.body.isLive) return [];
  if (!record || (!record.heard && record.bpm === null)) return take.isWhole ? [t("facts.measuring")] : [];
  const bpm = record.bpm === null ? t("facts.noBeat") : t("facts.beats", { bpm: Math.round(record.bpm) });
  return [bpm, ...(record.heard?.key ? [keyInWords(record.heard.key)] : [])];
}

/** @param {import("../sound/take.js").Take} take */
function loudness(take) {
  const size = take.peaks.length / PARTS;
  const means = Array.from({ length: PARTS }, (_, i) => {
    const bins = take.peaks.slice(Math.floor(i * size), Math.floor((i + 1) * size));
    return bins.reduce((sum, value) => sum + value, 0) / bins.length;
  });
  const loudest = Math.max(...means);
  if (!loudest) return "";
  const at = take.peaks.indexOf(Math.max(...take.peaks)) / take.peaks.length;
  const [isStartQuiet, isEndQuiet] = [means[0], means.at(-1)].map((mean) => mean < QUIET * loudest);
  const key = isStartQuiet ? (isEndQuiet ? "describe.quietEnds" : "describe.quietStart") : isEndQuiet ? "describe.quietEnd" : "describe.loudest";
  return t(key, { at: clock(at * take.durationS) });
}
