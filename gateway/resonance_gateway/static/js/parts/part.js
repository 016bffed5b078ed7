// Part of the take: chosen by a drag over the waveform, or by two presses while it plays.

import { sayNow } from "../core/announce.js";
import { byId, clock, enable, isDisabled } from "../core/dom.js";
import { effect, state } from "../core/state.js";
import { t } from "../core/strings.js";

const PART_S_MIN = 1;

/** @param {import("../sound/player.js").Player} player */
export function buildPart(player) {
  let fromS = 0;
  byId("part-from").addEventListener("click", () => {
    if (isDisabled(byId("part-from"))) return;
    fromS = player.positionS;
    choose(fromS, state.part.value && state.part.value.toS > fromS ? state.part.value.toS : player.take.durationS);
  });
  byId("part-to").addEventListener("click", () => !isDisabled(byId("part-to")) && choose(state.part.value?.fromS ?? fromS, player.positionS));
  byId("part-none").addEventListener("click", () => {
    fromS = 0;
    state.part.value = null;
    player.repeat(null);
  });
  effect(() => {
    const take = state.take.value;
    for (const id of /** @type {const} */ (["part-from", "part-to"])) enable(byId(id), take !== null);
  });
  effect(() => {
    const part = state.part.value;
    enable(byId("part-none"), part !== null);
    byId("part-line").textContent = part ? t("part.is", { from: clock(part.fromS), to: clock(part.toS) }) : "";
  });
}

/**
 * @param {number} fromS
 * @param {number} toS
 */
function choose(fromS, toS) {
  if (toS - fromS < PART_S_MIN) {
    sayNow(t("part.short"));
    return;
  }
  state.part.value = { fromS, toS };
  sayNow(t("part.is", { from: clock(fromS), to: clock(toS) }));
}
