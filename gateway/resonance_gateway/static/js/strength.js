// How much of a taste: a slider that ends where the taste's safe range does, and the way to find that out.

import * as api from "./api.js";
import { say, sayNow, startJob } from "./announce.js";
import { byId, show } from "./dom.js";
import { follow } from "./following.js";
import { clearProblem, showProblem } from "./problem.js";
import { sliderRow } from "./slider.js";
import { draft, saveDraft } from "./store.js";
import { t } from "./strings.js";

// Of a taste that nobody has calibrated.
const STRENGTH_MAX = 1;
const QUARTER = 25;

export class Strength {
  constructor() {
    this._id = null;
    this._stop = () => {};
    byId("range-go").addEventListener("click", () => this._find());
    byId("range-stop").addEventListener("click", () => this._cancel());
    this._build();
  }

  /** Shows a taste's slider, what is known of its range, and the search for it that a reload interrupted. */
  async offer(tasteId) {
    if (tasteId === this._id) return;
    this.leave();
    this._id = tasteId;
    show(byId("range"), true);
    if (draft.rangeCalibrationJob?.tasteId === tasteId) this._follow(draft.rangeCalibrationJob.id);
    else await this._fit();
  }

  /** The taste is no longer in use: nobody waits for its range any more. */
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

  /** Moves the slider, as far as it goes. */
  set(strength) {
    draft.tasteStrength = strength;
    this._build(this._max);
  }

  /** Learns the range in force: the slider ends there, and once it was measured the page says so. */
  async _fit() {
    const id = this._id;
    const range = await api.getTasteRange(id).catch(() => null);
    if (!range || id !== this._id) return null;
    this._build(range.strength_max);
    const isMeasured = Boolean(range.calibration);
    byId("range-said").textContent = isMeasured ? found(range.strength_max) : t("range.hint");
    show(byId("range-go"), !isMeasured, byId("range-said"));
    return isMeasured ? found(range.strength_max) : null;
  }

  /** Starts the search; one that begins although it was stopped meanwhile is cancelled. */
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

  _follow(jobId, known = null) {
    this._quarter = 0;
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

  _show(job) {
    if (!api.isFinal(job)) this._working(job.progress);
    else if (job.state === "completed") this._found();
    else if (job.state === "cancelled") this._cancelled();
    else this._failed(new api.ApiError({ status: 500, reason: job.error?.reason, detail: job.error?.message || t("state.failed") }));
  }

  _working(progress) {
    const [shown, hidden] = progress ? ["range-work", "range-go"] : ["range-go", "range-work"];
    show(byId(shown), true);
    show(byId(hidden), false, byId(progress ? "range-stop" : "range-go"));
    show(byId("range-said"), !progress);
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
    const said = await this._fit();
    if (said) sayNow(said);
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
    byId("range-said").textContent = t("range.stopped");
    sayNow(t("range.stopped"));
  }

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
    const [off] = t("strength.words");
    const row = sliderRow({
      id: "taste-strength", title: t("taste.strength"), labels: [t("taste.less"), t("taste.more"), t("taste.usual")],
      low: off, high: inWords(max), min: 0, max, step, big: step, neutral: Math.min(1, max), value: draft.tasteStrength,
      say: inWords,
      onChange: (value) => {
        draft.tasteStrength = value;
        saveDraft();
      },
    });
    byId("taste-strength-row").replaceChildren(row.node);
  }
}

/** A strength in words, each a quarter more than the one before. */
function inWords(strength) {
  const words = t("strength.words");
  return words[strength && Math.max(1, Math.min(Math.round(strength * 4), words.length - 1))];
}

const found = (max) => (max > 0 ? t("range.found", { most: inWords(max) }) : t("range.closed"));
