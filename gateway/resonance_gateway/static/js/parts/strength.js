// Strength of a taste, and calibration of its range.

import * as api from "../core/api.js";
import { say, sayNow, startJob } from "../core/announce.js";
import { byId, show } from "../core/dom.js";
import { follow } from "../core/follow.js";
import { clearProblem, showProblem } from "./problem.js";
import { sliderRow } from "./slider.js";
import { draft, saveDraft } from "../core/store.js";
import { all, t } from "../core/strings.js";

// The range of a taste without a calibration.
const STRENGTH_MAX = 1;
const QUARTER = 25;

export class Strength {
  constructor() {
    /** @type {string | null} */
    this._id = null;
    this._stop = () => {};
    byId("range-go").addEventListener("click", () => this._find());
    byId("range-stop").addEventListener("click", () => this._cancel());
    this._build();
  }

  /**
   * Shows a taste's slider and range, and follows a calibration that a reload interrupted.
   * @param {string} tasteId
   */
  async offer(tasteId) {
    if (tasteId === this._id) return;
    this.leave();
    this._id = tasteId;
    show(byId("range"), true);
    if (draft.rangeCalibrationJob?.tasteId === tasteId) this._follow(draft.rangeCalibrationJob.id);
    else await this._fit();
  }

  /** Ends the use of the taste and cancels its calibration. */
  leave() {
    const job = draft.rangeCalibrationJob;
    if (job && job.tasteId === this._id) {
      api.cancelCalibrationJob(job.id).catch(() => {});
      this._forgetCalibrationJob();
    }
    this._stop();
    this._id = null;
    this._working(null);
    clearProblem(byId("range-error"));
    show(byId("range"), false);
    this._build();
  }

  /**
   * Moves the slider, as far as it goes.
   * @param {number} strength
   */
  set(strength) {
    draft.tasteStrength = strength;
    this._build(this._max);
  }

  /** Loads the range in force and ends the slider there; returns a sentence where the range was measured. */
  async _fit() {
    const id = this._id;
    const range = await api.getTasteRange(id).catch(() => /** @type {TasteRangeJson | null} */ (null));
    if (!range || id !== this._id) return null;
    this._build(range.strength_max);
    const isMeasured = Boolean(range.calibration);
    byId("range-message").textContent = isMeasured ? found(range.strength_max) : t("range.hint");
    show(byId("range-go"), !isMeasured, byId("range-message"));
    return isMeasured ? found(range.strength_max) : null;
  }

  /** Starts a calibration; one that the user stopped before the server answered is cancelled. */
  async _find() {
    const id = this._id;
    let isStopped = false;
    this._stop = () => {
      isStopped = true;
    };
    startJob();
    clearProblem(byId("range-error"));
    this._working({ done: 0, total: 0 });
    sayNow(t("range.asking"));
    try {
      const job = await api.findTasteRange(id);
      if (isStopped) {
        await api.cancelCalibrationJob(job.calibration_job_id).catch(() => {});
        return;
      }
      draft.rangeCalibrationJob = { tasteId: id, id: job.calibration_job_id };
      saveDraft();
      this._follow(job.calibration_job_id, job);
    } catch (error) {
      if (!isStopped) this._failed(error);
    }
  }

  /**
   * @param {string} jobId
   * @param {any} known
   */
  _follow(jobId, known = null) {
    this._quarter = 0;
    /** @type {HTMLDetailsElement} */ (byId("taste-details")).open = true; // after a reload it is closed, and the search goes on in it
    this._working(known?.progress || { done: 0, total: 0 });
    this._stop();
    this._stop = follow({
      known,
      ask: () => api.getCalibrationJob(jobId),
      watch: (onNews, onLost) => api.watchCalibrationJob(jobId, onNews, onLost),
      onNews: (job) => this._show(job),
      onRefused: (error) => this._failed(error),
    });
  }

  /** @param {CalibrationJobJson} job */
  _show(job) {
    if (!api.isFinal(job)) this._working(job.progress);
    else if (job.state === "completed") this._found();
    else if (job.state === "cancelled") this._cancelled();
    else this._failed(new api.ApiError({ status: 500, reason: job.error?.reason, detail: job.error?.message || t("state.failed") }));
  }

  /** @param {JobProgressJson | null} progress */
  _working(progress) {
    const [shown, hidden] = progress ? ["range-work", "range-go"] : ["range-go", "range-work"];
    show(byId(shown), true);
    show(byId(hidden), false, byId(progress ? "range-stop" : "range-go"));
    show(byId("range-message"), !progress);
    if (!progress) return;
    const bar = byId("range-progress");
    const percent = progress.total ? Math.floor((100 * progress.done) / progress.total) : 0;
    if (progress.total) bar.value = percent / 100;
    else bar.removeAttribute("value");
    const text = progress.waiting ? t("range.waiting") : t("range.progress", { percent });
    byId("range-stage").textContent = text;
    const quarter = Math.floor(percent / QUARTER);
    if (quarter > this._quarter) say(text);
    this._quarter = Math.max(quarter, this._quarter || 0);
  }

  async _found() {
    this._forgetCalibrationJob();
    this._working(null);
    const message = await this._fit();
    if (message) sayNow(message);
  }

  _cancel() {
    const job = draft.rangeCalibrationJob;
    this._stop();
    if (job) api.cancelCalibrationJob(job.id).catch(() => {});
    this._cancelled();
  }

  _cancelled() {
    this._stop();
    this._forgetCalibrationJob();
    this._working(null);
    byId("range-message").textContent = t("range.stopped");
    sayNow(t("range.stopped"));
  }

  /** @param {any} error */
  _failed(error) {
    this._stop();
    this._forgetCalibrationJob();
    this._working(null);
    showProblem(byId("range-error"), error, { kept: t("range.kept"), retry: () => this._find() });
  }

  _forgetCalibrationJob() {
    draft.rangeCalibrationJob = null;
    saveDraft();
  }

  _build(max = STRENGTH_MAX) {
    this._max = max;
    const step = max >= 1 ? 0.25 : max / 4 || 1;
    draft.tasteStrength = Math.min(draft.tasteStrength, max);
    saveDraft();
    const [off] = all("strength.words");
    const row = sliderRow({
      id: "taste-strength", title: t("taste.strength"), labels: [t("taste.less"), t("taste.more"), t("taste.usual")],
      low: off, high: inWords(max), min: 0, max, step, big: step, neutral: Math.min(1, max), value: draft.tasteStrength,
      toWords: inWords,
      onChange: (value) => {
        draft.tasteStrength = value;
        saveDraft();
      },
    });
    byId("taste-strength-row").replaceChildren(row.node);
  }
}

/**
 * A strength in words, each a quarter more than the one before; a negative one steers away.
 * @param {number} strength
 */
export function inWords(strength) {
  const words = all("strength.words");
  const word = words[strength && Math.max(1, Math.min(Math.round(Math.abs(strength) * 4), words.length - 1))];
  return strength < 0 ? t("tastes.away", { words: word }) : word;
}

/** @param {number} max */
const found = (max) => (max > 0 ? t("range.found", { most: inWords(max) }) : t("range.closed"));
