// Lanes: what was changed when, as a list. The editor of a stored take's lanes is loaded when they are shown.

import * as api from "../core/api.js";
import { byId, clock } from "../core/dom.js";
import { effect, state } from "../core/state.js";
import { t } from "../core/strings.js";
import { html, render } from "../vendor/lit-html/lit-html.js";
import { repeat } from "../vendor/lit-html/directives/repeat.js";
import { difference } from "./live.js";

/**
 * Draws the lanes of the live music, or of the take in the player.
 * @param {{ player: import("../sound/player.js").Player, generation: import("./generation.js").GenerationStep }} page
 */
export function buildLanes(page) {
  /** @type {Promise<import("./lane-editor.js").LaneEditor> | null} */
  let editor = null;
  effect(() => {
    const isShown = ["lanes", "more"].includes(state.tab.value);
    const record = state.live.value ? null : state.record.value;
    if (!editor && !isShown) return;
    editor ??= import("./lane-editor.js").then(({ LaneEditor }) => new LaneEditor(page));
    editor.then((built) => (record ? isShown && built.open(record.request_id) : built.close()));
  });
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
