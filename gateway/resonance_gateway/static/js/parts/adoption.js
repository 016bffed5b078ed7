// Adoption: how far a new model is made ready.
// A model that brings its sliders along shows nothing.

import * as api from "../core/api.js";
import { sentences, t } from "../core/strings.js";
import { byId, show } from "../core/dom.js";

const ASK_AGAIN_MS = 10_000;

/** Shows the progress in the page's foot until the work has ended. */
export async function followAdoption() {
  const adoption = await api.getAdoption().catch(() => /** @type {AdoptionJson | null} */ (null));
  const isRunning = adoption?.state === "running" && Boolean(adoption.progress?.total);
  show(byId("adoption"), isRunning);
  if (!adoption || !isRunning) return;
  const { done, total, waiting } = /** @type {NonNullable<AdoptionJson["progress"]>} */ (adoption.progress);
  const bar = /** @type {HTMLProgressElement} */ (byId("adoption-bar"));
  bar.max = total;
  bar.value = done;
  byId("adoption-line").textContent = sentences(
    t("adoption.progress", { done, count: total }),
    adoption.seconds_left ? t("adoption.left", { minutes: Math.ceil(adoption.seconds_left / 60) }) : "",
    waiting ? t("adoption.waiting") : "",
    t("adoption.meanwhile"),
  );
  setTimeout(followAdoption, ASK_AGAIN_MS);
}
