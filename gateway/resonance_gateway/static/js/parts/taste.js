// Taste from files, link or library.

import * as api from "../core/api.js";
import { say, sayNow, startJob } from "../core/announce.js";
import { byId, el, inputOf, onDrop, show } from "../core/dom.js";
import { follow } from "../core/follow.js";
import { layerChart } from "../pictures/layers.js";
import { buildMix } from "./mix.js";
import { clearProblem, showProblem } from "./problem.js";
import { chooseSongs, findUnreadable } from "./song-files.js";
import { Songs } from "./songs.js";
import { draft, saveDraft, saveSettings, settings } from "../core/store.js";
import { Strength } from "./strength.js";
import { marked } from "../core/server-texts.js";
import { sentences, t, tOf } from "../core/strings.js";
import { failureOf, fillTracks, isHeard, namesOf, tasteName } from "./tracks.js";

// A link without its https://.
const HOST = /^[\w-]+(\.[\w-]+)+([/?#]\S*)?$/;

export class TasteStep {
  constructor() {
    this._stop = () => {};
    this._lastState = "";
    /** @type {string | null} */
    this._before = null;
    this._retryId = "";
    this._strength = new Strength();
    /** @type {Promise<import("./taste-mix.js").TasteMix> | null} */
    this._mix = null;
    this._songs = new Songs({ again: (taste, options, files) => this._again(taste, options, files) });
    byId("files").addEventListener("change", (event) => this._upload([...inputOf(event).files]));
    byId("folder").addEventListener("change", (event) => this._upload([...inputOf(event).files]));
    byId("link-form").addEventListener("submit", (event) => this._openLink(event));
    byId("earlier-go").addEventListener("click", () => this._chooseEarlier());
    byId("taste-cancel").addEventListener("click", () => this._cancel());
    byId("taste-drop").addEventListener("click", () => this._forget());
    byId("taste-retry").addEventListener("click", () => this._retry(this._retryId));
    onDrop(byId("drop"), (files) => this._upload(files));
    this._buildWords();
    keepOpen();
    buildMix(byId("mix"));
  }

  /** Follows the taste of the last visit, and lists earlier tastes. */
  async restore() {
    const id = draft.tasteId;
    if (id) this._follow(id, (error) => (error.status === 404 ? this._forget() : this._fail(error)));
    await this.offerEarlier();
  }

  async offerEarlier() {
    const tastes = await api.listTastes().catch(() => /** @type {TasteJson[]} */ ([]));
    const done = tastes.filter((taste) => taste.state === "completed");
    const names = namesOf(done);
    const options = done.map((taste, i) => el("option", { value: taste.id }, names[i]));
    byId("earlier-tastes").replaceChildren(el("option", { value: "" }, t("taste.none")), ...options);
    byId("earlier-tastes").value = draft.tasteId || "";
    show(byId("earlier"), done.length > 0 && byId("taste-done").hidden, byId("taste-add-summary"));
  }

  /** @param {File[]} files */
  async _upload(files) {
    if (!files.length) return;
    const { songs, notice } = chooseSongs(files);
    const unread = await findUnreadable(songs);
    this._tellLeftOut("");
    if (!songs.length || unread) {
      const words = unread ? t("taste.unread", { name: unread }) : t("taste.noSongs");
      showProblem(byId("taste-error"), { words }, { kept: "", next: t(unread ? "taste.chooseAgain" : "taste.formats") });
    } else {
      this._tellLeftOut(notice);
      /** @param {AbortSignal} signal */
      const send = (signal) => api.uploadFiles(songs, draft.mix, api.newRequestId(), signal);
      await this._submit(t("taste.sending"), send, songs);
    }
    byId("files").value = byId("folder").value = "";
  }

  /**
   * Says what of a folder was not sent.
   * @param {string} notice
   */
  _tellLeftOut(notice) {
    byId("taste-left-out").textContent = notice;
    show(byId("taste-left-out"), Boolean(notice));
    if (notice) say(notice);
  }

  /**
   * Extracts the same songs with other stars or parts. After a stop or an error the previous taste is opened again.
   * @param {TasteJson} taste
   * @param {any} options
   * @param {File[]} files
   */
  async _again(taste, options, files) {
    const requestId = api.newRequestId();
    /** @param {AbortSignal} signal */
    const send = (signal) => (files ? api.uploadFiles(files, options, requestId, signal) : api.submitLink(taste.source_url, options, requestId));
    this._before = taste.id;
    await this._submit(t(files ? "taste.sending" : "taste.asking"), send, files);
  }

  /** @param {string} id */
  async _retry(id) {
    await this._submit(t("taste.asking"), () => api.retryTaste(id), this._songs.held(id));
  }

  /** @param {Event} event */
  async _openLink(event) {
    event.preventDefault();
    const written = byId("link").value.trim();
    const url = HOST.test(written) ? `https://${written}` : written;
    this._tellLeftOut("");
    if (!URL.canParse(url) || /\s/.test(url)) {
      showProblem(byId("taste-error"), { words: t(written ? "taste.noLink" : "taste.linkEmpty") }, { kept: "", next: " " });
      byId("link").focus();
      return;
    }
    await this._submit(t("taste.asking"), () => api.submitLink(url, draft.mix, api.newRequestId()));
  }

  /**
   * Submits a taste by `send(signal)`. A taste that the user stopped before the server answered is cancelled.
   * @param {string} stage
   * @param {(signal: AbortSignal) => Promise<TasteJson>} send
   * @param {File[]} files
   */
  async _submit(stage, send, files = null) {
    startJob();
    clearProblem(byId("taste-error"));
    this._offerRetry(null);
    this._working({ stage, progress: null, tracks: [] });
    sayNow(stage);
    this._stop();
    const stopping = new AbortController();
    const { signal } = stopping;
    this._stop = () => stopping.abort();
    try {
      const taste = await send(signal);
      if (signal.aborted) {
        await api.cancelTaste(taste.id).catch(() => {});
        return;
      }
      if (files) this._songs.hold(taste.id, files);
      this._follow(taste.id, (error) => this._fail(error), taste);
    } catch (error) {
      if (!signal.aborted) this._fail(error);
    }
  }

  /** Opens the chosen taste on a press only, because arrow keys change a closed list. */
  _chooseEarlier() {
    const { value } = byId("earlier-tastes");
    if (value) this._choose(value);
    else byId("earlier-tastes").focus();
  }

  /** @param {string} id */
  _choose(id) {
    this._tellLeftOut("");
    this._working({ stage: t("taste.opening"), progress: null, tracks: [] });
    this._follow(id, (error) => this._fail(error));
  }

  /**
   * Shows a taste and follows it; `known` is the taste that was just submitted.
   * @param {string} id
   * @param {(error: any) => void} onRefused
   * @param {any} known
   */
  _follow(id, onRefused, known = null) {
    this._stop();
    draft.tasteId = id;
    saveDraft();
    let isNew = Boolean(known);
    this._stop = follow({
      known,
      ask: () => api.getTaste(id),
      watch: (onNews, onLost) => api.watchTaste(id, onNews, onLost),
      onNews: (taste) => {
        if (!isNew) this._lastState = taste.state; // the state after a reload is not announced
        isNew = true;
        this._show(taste);
      },
      onRefused,
    });
  }

  /** @param {TasteJson} taste */
  _show(taste) {
    if (taste.state === "completed") this._done(taste);
    else if (taste.state === "failed") this._fail(failureOf(taste), taste);
    else if (taste.state === "cancelled") this._cancelled();
    else this._working({ stage: tOf("state", taste.state), progress: taste.progress, tracks: taste.tracks });
    if (taste.state !== this._lastState && !api.isFinal(taste)) say(tOf("state", taste.state));
    this._lastState = taste.state;
  }

  /** @param {{ stage: string, progress: number | null, tracks: TrackJson[] }} work */
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

  /** @param {TasteJson} taste */
  _done(taste) {
    const failed = taste.tracks.filter((track) => track.state === "failed").length;
    const heard = taste.tracks.filter(isHeard).length;
    this._before = null;
    clearProblem(byId("taste-error"));
    byId("taste-name").textContent = t("taste.ready", { title: tasteName(taste) });
    const plain = sentences(t("taste.plain", { count: heard }), t("taste.clips", { count: taste.taste?.clip_count ?? 0 }));
    const some = failed ? t("taste.someFailed", { count: failed }) : "";
    const said = taste.taste?.description;
    byId("taste-description").replaceChildren(said ? marked(said) : plain, " ", some, " ", marked(taste.notice ?? ""));
    fillTracks(byId("taste-heard"), taste.tracks);
    byId("taste-layers").replaceChildren(layerChart(taste.taste?.layer_norms || []));
    // A taste of words alone has no direction, and its words are always in the prompt.
    const leans = taste.options?.direction_kind !== "words";
    if (leans) this._strength.offer(taste.id);
    else this._strength.leave();
    this._songs.offer(taste);
    this._offerMix(leans);
    show(byId("taste-strength-row"), leans);
    show(byId("songs-more"), leans);
    show(byId("taste-in-words").closest("label"), leans);
    this._offerRetry(taste);
    show(byId("taste-done"), true);
    show(byId("taste-work"), false, byId("taste-name"));
    show(byId("taste-sources"), false, byId("taste-name"));
    if (this._lastState !== "completed") sayNow(sentences(t("taste.readyAnnounced", { count: heard }), some));
  }

  /**
   * Offers to mix other tastes in; their part is loaded when it is opened.
   * @param {boolean} leans
   */
  _offerMix(leans) {
    const more = /** @type {HTMLDetailsElement} */ (byId("tastes-more"));
    show(more, leans);
    const load = () => {
      if (!more.open) return;
      this._mix ??= import("./taste-mix.js").then(({ TasteMix }) => new TasteMix({ setStrength: (value) => this._strength.set(value) }));
      this._mix.then((mix) => mix.show());
    };
    more.ontoggle = load;
    if (leans && Object.keys(draft.otherTastes).length) more.open = true;
    load();
  }

  /**
   * @param {any} error
   * @param {TasteJson} taste
   */
  _fail(error, taste = null) {
    this._goBack();
    if (taste) fillTracks(byId("taste-tracks"), taste.tracks);
    this._offerRetry(taste);
    const next = error.status === 429 || !error.problem ? null : t("next.other");
    showProblem(byId("taste-error"), error, { kept: t("kept.songs"), next });
  }

  /**
   * Offers a retry of the failed songs; the new taste replaces this one on the page.
   * @param {TasteJson} taste
   */
  _offerRetry(taste) {
    this._retryId = taste?.can_retry ? taste.id : "";
    show(byId("taste-retry"), Boolean(this._retryId));
  }

  _cancel() {
    const id = draft.tasteId;
    this._stop();
    if (id && id !== this._before) api.cancelTaste(id).catch(() => {});
    this._cancelled();
  }

  _cancelled() {
    const isAgain = this._before;
    this._goBack();
    sayNow(t(isAgain ? "songs.stopped" : "taste.cancelled"));
  }

  _forget() {
    this._tellLeftOut("");
    this._offerRetry(null);
    this._reset();
    this.offerEarlier();
  }

  /** Opens the previous taste, or the choice of songs. */
  _goBack() {
    const before = this._before;
    this._before = null;
    if (before) this._choose(before);
    else this._reset();
  }

  _reset() {
    this._stop();
    this._lastState = "";
    this._before = null;
    draft.tasteId = null;
    draft.tasteStrength = 1;
    draft.otherTastes = {};
    draft.goalTasteId = null;
    this._strength.leave();
    show(byId("taste-sources"), true);
    show(byId("taste-work"), false, byId("taste-add-summary"));
    show(byId("taste-done"), false, byId("taste-add-summary"));
  }

  /**
   * Restores the strength and the mix of a version that used the open taste.
   * @param {GenerationBody} body
   */
  reuse(body) {
    const uses = [...(body.tastes ?? []), ...(body.taste_id ? [{ taste_id: body.taste_id, strength: body.taste_strength ?? 1 }] : [])];
    const mine = uses.find((use) => use.taste_id === draft.tasteId);
    if (!draft.tasteId || !mine) return;
    byId("taste-in-words").checked = draft.tasteInWords = Boolean(body.taste_in_words);
    const others = uses.filter((use) => use !== mine && use.strength);
    draft.otherTastes = Object.fromEntries(others.map((use) => [use.taste_id, use.strength]));
    draft.goalTasteId = body.taste_path?.tastes[0]?.taste_id ?? null;
    this._strength.set(mine.strength);
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

/** Remembers whether the details of a taste are open. */
function keepOpen() {
  const details = /** @type {HTMLDetailsElement} */ (byId("taste-details"));
  details.open = settings.isTasteOpen;
  details.addEventListener("toggle", () => {
    settings.isTasteOpen = details.open;
    saveSettings();
  });
}
