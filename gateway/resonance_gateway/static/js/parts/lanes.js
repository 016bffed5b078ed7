// Lanes: what was changed when, as a list.

import * as api from "../core/api.js";
import { byId, clock } from "../core/dom.js";
import { effect, state } from "../core/state.js";
import { t } from "../core/strings.js";
import { html, render } from "../vendor/lit-html/lit-html.js";
import { repeat } from "../vendor/lit-html/directives/repeat.js";
import { difference } from "./live.js";

/** Draws the lanes of the live music, or of the take in the player. */
export function buildLanes() {
  effect(() => {
    const lanes = state.lanes.value;
    render(lanes.length ? list(lanes) : html`<p class="hint">${t("lanes.none")}</p>`, byId("lanes"));
  });
}

/**
 * Loads the lanes of a stored take.
 * @param {import("../sound/take.js").Take} take
 */
export async function loadLanes(take) {
  const timeline = take.body.isLive ? await api.getTimeline(take.requestId).catch(() => /** @type {TimelineJson | null} */ (null)) : null;
  if (state.take.value !== take) return;
  const changes = timeline?.recipe_changes ?? [];
  state.lanes.value = changes.slice(1).map((change, i) => ({
    atS: change.sample_offset / take.sampleRateHz, text: difference(changes[i].recipe, change.recipe),
  }));
}

/** @param {import("../core/state.js").LaneChange[]} lanes */
const list = (lanes) => html`<ol class="lanes">${repeat(lanes, (change, i) => `${i} ${change.atS}`, (change) => html`
  <li>${t("lanes.change", { at: clock(change.atS), what: change.text })}</li>`)}</ol>`;
