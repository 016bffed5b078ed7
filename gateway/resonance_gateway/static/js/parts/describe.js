// Description in words of what the player holds: what the picture and the waveform show.

import { clock } from "../core/dom.js";
import { state } from "../core/state.js";
import { count, t } from "../core/strings.js";

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
    return [t("describe.live", { at: clock(playedS) }), isPaused ? t("live.paused") : "", heard].filter(Boolean).join(" ");
  }
  const { take, positionS } = player;
  const what = [count("second", Math.round(take.durationS)), ...musicFacts(state.record.value, take)].join(", ");
  return [`${what}.`, loudness(take), t("describe.at", { at: clock(positionS) })].filter(Boolean).join(" ");
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
  return [bpm, ...(record.heard?.key ? [record.heard.key.replace("#", "♯")] : [])];
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
  const ends = [means[0] < QUIET * loudest ? t("describe.quietStart") : "", means.at(-1) < QUIET * loudest ? t("describe.quietEnd") : ""].filter(Boolean);
  return t("describe.loudest", { ends: ends.length ? `${ends.join(", ")}, ` : "", at: clock(at * take.durationS) }).replace(/^./, (/** @type {string} */ first) => first.toUpperCase());
}
