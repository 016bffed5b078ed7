// Step 1: songs, a link, a taste from before, or none; and what happens to each track meanwhile.

import * as api from "./api.js";
import { say, sayNow, startJob } from "./announce.js";
import { byId, el, onDrop, show } from "./dom.js";
import { clearProblem, showProblem } from "./problem.js";
import { sliderRow } from "./slider.js";
import { draft, saveDraft } from "./store.js";
import { count, t } from "./strings.js";
import { layerChart } from "./layers.js";
import { buildMix } from "./mix.js";

const ASK_AGAIN_MS = 2000;
// Of a taste that nobody has calibrated.
const STRENGTH_MAX = 1;
const ASK_AGAIN_MS_MAX = 30_000;
// A part that is full, restarting or slow says nothing about the taste, and neither does a line that broke (a reload breaks it, too).
const PASSING = [0, 429, 503, 504];

export class TasteStep {
  constructor() {
    this._stop = () => {};
    this._lastState = "";
    this._timesLost = 0;
    byId("files").addEventListener("change", (event) => this._upload([...event.target.files]));
    byId("link-form").addEventListener("submit", (event) => this._link(event));
    byId("earlier-tastes").addEventListener("change", (event) => this._choose(event.target.value));
    byId("taste-cancel").addEventListener("click", () => this._cancel());
    byId("taste-drop").addEventListener("click", () => this._forget());
    byId("taste-retry").addEventListener("click", () => this._submit(t("taste.asking"), () => api.retryTaste(this._retryId)));
    onDrop(byId("drop"), (files) => this._upload(files));
    this._buildStrength();
    this._buildWords();
    buildMix(byId("mix"));
  }

  /** Goes on with the taste of the last visit, and offers the earlier ones. */
  async restore() {
    const id = draft.tasteId;
    if (id) await this._follow(id).catch((error) => (error.status === 404 ? this._forget() : this._lost(id, error)));
    await this.offerEarlier();
  }

  async offerEarlier() {
    const tastes = await api.listTastes().catch(() => []);
    const done = tastes.filter((taste) => taste.state === "completed");
    const options = done.map((taste) => el("option", { value: taste.id }, taste.title || t("taste.unnamed")));
    byId("earlier-tastes").replaceChildren(el("option", { value: "" }, t("taste.none")), ...options);
    byId("earlier-tastes").value = draft.tasteId || "";
    show(byId("earlier"), done.length > 0 && byId("taste-done").hidden, byId("files"));
  }

  async _upload(files) {
    if (!files.length) return;
    await this._submit(t("taste.sending"), (signal) => api.uploadFiles(files, draft.mix, api.newRequestId(), signal));
    byId("files").value = "";
  }

  async _link(event) {
    event.preventDefault();
    const url = byId("link").value.trim();
    if (!url) {
      const error = Object.assign(new Error(), { words: t("taste.linkEmpty") });
      showProblem(byId("taste-error"), error, { kept: "", next: " " });
      byId("link").focus();
      return;
    }
    await this._submit(t("taste.asking"), () => api.submitLink(url, draft.mix, api.newRequestId()));
  }

  /** `send(signal)` makes a taste; one that is made although it was stopped meanwhile is cancelled. */
  async _submit(stage, send) {
    startJob();
    clearProblem(byId("taste-error"));
    this._offerRetry(null);
    this._working({ stage, progress: null, tracks: [] });
    sayNow(stage);
    const stopping = new AbortController();
    const { signal } = stopping;
    this._stop = () => stopping.abort();
    try {
      const taste = await send(signal);
      if (signal.aborted) {
        await api.cancelTaste(taste.id).catch(() => {});
        return;
      }
      draft.tasteId = taste.id;
      saveDraft();
      this._show(taste);
      this._watch(taste.id);
    } catch (error) {
      if (!signal.aborted) this._fail(error);
    }
  }

  async _choose(id) {
    if (id) await this._follow(id).catch((error) => this._fail(error));
  }

  async _follow(id) {
    const taste = await api.getTaste(id);
    draft.tasteId = id;
    saveDraft();
    this._lastState = taste.state;
    this._timesLost = 0;
    this._show(taste);
    if (!api.isFinal(taste)) this._watch(id);
  }

  _watch(id) {
    this._stop();
    this._stop = api.watchTaste(id, (taste) => this._show(taste), (error) => this._lost(id, error));
  }

  /** Asks again, more and more seldom, until somebody answers; only a refusal is the end. */
  _lost(id, error) {
    if (!PASSING.includes(error.status)) {
      this._fail(error);
      return;
    }
    const waitMs = Math.min(ASK_AGAIN_MS * 2 ** this._timesLost, ASK_AGAIN_MS_MAX);
    this._timesLost += 1;
    const again = setTimeout(() => this._follow(id).catch((failure) => this._lost(id, failure)), waitMs);
    this._stop = () => clearTimeout(again);
  }

  _show(taste) {
    if (taste.state === "completed") this._done(taste);
    else if (taste.state === "failed") this._fail(failureOf(taste), taste);
    else if (taste.state === "cancelled") this._cancelled();
    else this._working({ stage: t(`state.${taste.state}`), progress: taste.progress, tracks: taste.tracks });
    if (taste.state !== this._lastState && !api.isFinal(taste)) say(t(`state.${taste.state}`));
    this._lastState = taste.state;
  }

  _working({ stage, progress, tracks }) {
    const percent = progress === null ? null : Math.round(progress * 100);
    byId("taste-stage").textContent = percent === null ? stage : t("taste.progress", { stage, percent });
    const bar = byId("taste-progress");
    if (progress === null) bar.removeAttribute("value");
    else bar.value = progress;
    fillTracks(byId("taste-tracks"), tracks);
    show(byId("taste-work"), true);
    show(byId("taste-done"), false);
    show(byId("taste-sources"), false, byId("taste-cancel"));
  }

  _done(taste) {
    const failed = taste.tracks.filter((track) => track.state === "failed").length;
    const heard = taste.tracks.filter((track) => track.state === "completed" && track.clips_total).length;
    byId("taste-name").textContent = t("taste.ready", { title: taste.title || t("taste.unnamed") });
    const plain = t("taste.plain", { clips: taste.taste?.clip_count ?? 0, tracks: count("song", heard) });
    const notice = taste.notice ? ` ${taste.notice}` : "";
    const some = failed ? ` ${t("taste.someFailed", { failed: count("song", failed) })}` : "";
    byId("taste-description").textContent = `${taste.taste?.description || plain}${some}${notice}`;
    fillTracks(byId("taste-heard"), taste.tracks);
    byId("taste-layers").replaceChildren(layerChart(taste.taste?.layer_norms || []));
    this._fitStrength(taste.id);
    // A taste in words alone has nothing to lean towards, and its words are always said.
    const leans = taste.options?.direction_kind !== "words";
    show(byId("taste-strength-row"), leans);
    show(byId("taste-in-words").closest("label"), leans);
    this._offerRetry(taste);
    show(byId("taste-done"), true);
    show(byId("taste-work"), false, byId("taste-name"));
    show(byId("taste-sources"), false, byId("taste-name"));
    if (this._lastState !== "completed") sayNow(`${t("taste.readySaid", { tracks: count("song", heard) })}${some}`);
  }

  _fail(error, taste = null) {
    this._reset();
    if (taste) fillTracks(byId("taste-tracks"), taste.tracks);
    this._offerRetry(taste);
    const next = error.status === 429 || !error.problem ? null : t("next.other");
    showProblem(byId("taste-error"), error, { kept: t("kept.songs"), next });
  }

  /** A taste whose failed songs could still be heard can be gone on with; the new one takes its place here. */
  _offerRetry(taste) {
    this._retryId = taste?.can_retry ? taste.id : "";
    show(byId("taste-retry"), Boolean(this._retryId));
  }

  async _cancel() {
    if (draft.tasteId) await api.cancelTaste(draft.tasteId).catch(() => {});
    this._cancelled();
  }

  _cancelled() {
    this._reset();
    sayNow(t("taste.cancelled"));
  }

  _forget() {
    this._offerRetry(null);
    this._reset();
    this.offerEarlier();
  }

  _reset() {
    this._stop();
    this._lastState = "";
    draft.tasteId = null;
    draft.tasteStrength = 1;
    this._buildStrength();
    show(byId("taste-sources"), true);
    show(byId("taste-work"), false, byId("files"));
    show(byId("taste-done"), false, byId("files"));
  }

  /** The slider ends where the taste's safe range does. */
  async _fitStrength(id) {
    const range = await api.getTasteRange(id).catch(() => null);
    if (range && id === draft.tasteId) this._buildStrength(range.strength_max);
  }

  _buildStrength(max = STRENGTH_MAX) {
    const words = t("strength.words");
    const inWords = (value) => words[value && Math.max(1, Math.min(Math.round(value * 4), words.length - 1))];
    const step = max >= 1 ? 0.25 : max / 4 || 1;
    draft.tasteStrength = Math.min(draft.tasteStrength, max);
    saveDraft();
    const row = sliderRow({
      id: "taste-strength", title: t("taste.strength"), name: t("taste.title").toLowerCase(),
      low: words[0], high: inWords(max), min: 0, max, step, big: step, neutral: Math.min(1, max), value: draft.tasteStrength,
      say: inWords,
      onChange: (value) => {
        draft.tasteStrength = value;
        saveDraft();
      },
    });
    byId("taste-strength-row").replaceChildren(row.node);
  }

  _buildWords() {
    const box = byId("taste-in-words");
    box.checked = draft.tasteInWords;
    box.addEventListener("change", () => {
      draft.tasteInWords = box.checked;
      saveDraft();
    });
  }
}

function failureOf(taste) {
  const fault = taste.error || { message: t("state.failed"), reason: "FAILED" };
  const failed = taste.tracks.filter((track) => track.error && track.error.message !== fault.message);
  const inner = failed.map((track) => `${track.title}: ${track.error.message.replace(/[.\s]+$/, "")}`);
  const detail = [fault.message.replace(/[.\s]+$/, ""), ...inner].join(". ");
  return new api.ApiError({ status: 422, reason: fault.reason, detail });
}

function fillTracks(list, tracks) {
  list.replaceChildren(...tracks.map((track) => {
    const clips = track.state === "extracting" && track.clips_total
      ? ` · ${t("state.clips", { done: track.clips_done, total: track.clips_total })}` : "";
    const isHeard = track.state !== "completed" || track.clips_total;
    const state = !isHeard ? t("state.unchosen") : track.error ? `${t(`state.${track.state}`)}: ${track.error.message}` : t(`state.${track.state}`) + clips;
    return el("li", { class: `track ${track.state}` },
      el("span", { class: "track-title" }, track.title), el("span", { class: "track-state small" }, state));
  }));
}
