// More of a take: longer, three like it, a file of it.

import * as api from "../core/api.js";
import { sayNow, startJob } from "../core/announce.js";
import { byId, enable, isDisabled } from "../core/dom.js";
import { t } from "../core/strings.js";
import { clearProblem, showProblem } from "./problem.js";

/** @typedef {import("../sound/take.js").Take} Take */

const LONGER_S = 10;
const MORE_TAKES = 3;

export class Further {
  /**
   * @param {import("./generation.js").GenerationStep} generation
   * @param {import("../sound/player.js").Player} player
   */
  constructor(generation, player) {
    this._generation = generation;
    this._player = player;
  }

  /**
   * Enables what is possible with a take, as far as it is made.
   * @param {Take} take
   */
  offer(take) {
    enable(byId("longer"), this._mayGrow(take, LONGER_S));
    enable(byId("more"), take.isWhole);
    for (const id of /** @type {const} */ (["loop", "keep", "describe"])) enable(byId(id), true);
    enable(byId("keep"), !take.isExample);
  }

  /**
   * @param {Take} take
   * @param {number} byS
   */
  _mayGrow(take, byS) {
    return take.isWhole && !take.body.isLive && !take.isExample && take.durationS + byS <= (this._generation.model?.take_duration_s_max ?? 300);
  }

  /** The open take with more music after its end; what is there stays as it is. Returns whether it is being made. */
  longer(byS = LONGER_S) {
    const { take } = this._player;
    if (this._generation.isMaking || !take || !this._mayGrow(take, byS)) return false;
    this._player.wake().catch(() => {});
    const { seed, resume_sample_offset, isLive, ...body } = take.body;
    const longer = { duration_s: take.durationS + byS, origin: { request_id: take.requestId }, request_id: api.newRequestId() };
    this._generation.make({ ...body, ...longer }, byId("again-error"));
    return true;
  }

  /** Three takes of the open one's wish with other seeds, side by side. They become versions, of which the first is opened. */
  async more() {
    const { take } = this._player;
    const generation = this._generation;
    if (generation.isMaking || isDisabled(byId("more")) || !take?.isWhole) return;
    const { seed, resume_sample_offset, origin, isLive, ...wish } = take.body;
    startJob();
    clearProblem(byId("again-error"));
    generation.busy(true);
    generation.status(t("make.more"));
    sayNow(t("make.more"));
    try {
      const asked = { ...wish, request_id: api.newRequestId(), n: MORE_TAKES };
      const all = await api.makeVariations(asked, generation.signal);
      const made = all.filter((one) => one.state === "finished");
      // The first is added last, because the version that is added is opened.
      for (const one of made.reverse()) generation.versions.add({ requestId: one.request_id, body: { ...wish, request_id: one.request_id }, seed: one.seed });
      if (made.length) await generation.open(generation.versions.current, { isQuiet: true });
      const key = made.length === MORE_TAKES ? "make.moreReady" : "make.moreFailed";
      const text = t(key, { count: made.length, number: generation.versions.current?.number ?? 0 });
      generation.status(text);
      sayNow(text);
    } catch (error) {
      generation.status(error.name === "AbortError" ? t("make.stopped") : "");
      if (error.name === "AbortError") sayNow(t("make.stopped"));
      else showProblem(byId("again-error"), error, { kept: t("kept.all"), retry: () => this.more() });
    } finally {
      generation.busy(false);
    }
  }

  /** The kept file: levelled as a whole, with its content credentials. */
  download() {
    const { take } = this._player;
    if (take?.isWhole && !take.isExample) Object.assign(document.createElement("a"), { href: api.takeAudioUrl(take.requestId), download: "" }).click();
  }
}
