// Steps 3 and 4: request, play, and keep a take.

import * as api from "../core/api.js";
import { alarm, say, sayNow, startJob } from "../core/announce.js";
import { byId, clock, enable, isDisabled, show } from "../core/dom.js";
import { showFacts, showNotices } from "./facts.js";
import { clearProblem, showProblem } from "./problem.js";
import { Share } from "./share.js";
import { musicFields, setMusic } from "./music.js";
import { ownFields, setOwnSliders, toOwn } from "./own-sliders.js";
import { movedSliders, setSliders } from "./sliders.js";
import { clearPending, draft, setPending, settings, tasteFields } from "../core/store.js";
import { fetchTake, makeTake } from "../core/stream.js";
import { count, t } from "../core/strings.js";
import { setLength, setWords, showFault } from "./words.js";

/** @typedef {import("../sound/take.js").Take} Take */

const CHUNK_S = 0.25;
const KEPT_TAKES = 6;
const LONGER_S = 10;
const MORE_TAKES = 3;
/** @type {(keyof GenerationBody)[]} */
const WISHES = ["prompt", "duration_s", "taste_id", "taste_strength", "taste_in_words", "sliders", "concepts", "bpm", "key", "negative_prompt"];

/**
 * True where two bodies differ at most in seed and id. "Make again" then draws a new seed, for the same one would make the same music.
 * @param {GenerationBody} wish
 * @param {GenerationBody} body
 */
const isSameWish = (wish, body) => WISHES.every((key) => JSON.stringify(wish[key]) === JSON.stringify(body[key]));

export class GenerationStep {
  /**
   * @param {{ player: import("../sound/player.js").Player, video: import("./video.js").VideoStep, onWhole(): void,
   *   onRestored(body: GenerationBody): void }} options
   */
  constructor({ player, video, onWhole, onRestored }) {
    this._player = player;
    this._video = video;
    this._onWhole = onWhole;
    this._onRestored = onRestored;
    /** @type {Map<string, Take>} */
    this._takes = new Map();
    /** @type {AbortController | null} */
    this._aborter = null;
    this._comparedLoudness = 1;
    this._share = new Share();
    /** @type {import("./versions.js").Versions | null} */
    this.versions = null;
    /** @type {ModelJson | null} */
    this.model = null;
    byId("stop").addEventListener("click", () => this.stop());
    byId("download").addEventListener("click", () => this._download());
    byId("longer").addEventListener("click", () => this._longer());
    byId("more").addEventListener("click", () => this._more());
  }

  /**
   * A press on "Make music" or "Make again": checks the words, then makes.
   * @param {{ isAgain: boolean }} options
   */
  press({ isAgain }) {
    if (this._aborter || isDisabled(byId(isAgain ? "again" : "make"))) return;
    if (!draft.prompt.trim()) {
      showFault(t("words.empty"));
      alarm(t("words.empty"));
      return;
    }
    this._player.wake().catch(() => {});
    this.make(this._body(isAgain), byId(isAgain ? "again-error" : "make-error"));
  }

  /**
   * Makes a take. The request is stored before it is sent, so that a reload finds it again.
   * @param {GenerationBody} body
   */
  async make(body, errorNode = byId("make-error"), { isBack = false } = {}) {
    startJob();
    clearProblem(errorNode);
    setPending(body);
    this._busy(true);
    const greeting = t(isBack ? "make.again" : "make.asking");
    this._status(greeting);
    sayNow(greeting);
    try {
      const take = await makeTake(body, this._aborter.signal, this._listener(body, isBack));
      this._whole(take);
    } catch (error) {
      this._failed(error, body, errorNode);
    } finally {
      this._busy(false);
    }
  }

  stop() {
    this._aborter?.abort();
  }

  /**
   * Opens a version: its words, its sliders, its music.
   * @param {Version} version
   */
  async open(version, { isQuiet = false } = {}) {
    this._restoreDraft(version.body);
    clearProblem(byId("again-error"));
    show(byId("listen-step"), true);
    try {
      const take = await this._takeOf(version);
      if (this.versions.current !== version) return;
      await this._player.use(take);
      this._present(take);
      this._whole(take, { isOld: true });
    } catch (error) {
      if (error.status === 404) this.versions.remove(version.requestId);
      if (!isQuiet) this._notOpened(error, version);
    }
  }

  /**
   * After a 404 the take is gone; after any other error it can be opened again.
   * @param {any} error
   * @param {Version} version
   */
  _notOpened(error, version) {
    if (error.status === 404) {
      showProblem(byId("again-error"), { words: t("error.gone") }, { kept: t("kept.words") });
      return;
    }
    const shown = error instanceof api.ApiError ? error : { words: t("error.sound") };
    showProblem(byId("again-error"), shown, { kept: t("kept.all"), retry: () => this.open(version) });
  }

  /**
   * Plays another version in place of the open one (null: the open one), equally loud, from the same place.
   * @param {Version | null} other
   */
  async swap(other) {
    const mine = await this._takeOf(this.versions.current);
    const theirs = other ? await this._takeOf(other) : mine;
    const quietest = other ? Math.min(mine.loudness, theirs.loudness) : this._comparedLoudness;
    this._comparedLoudness = quietest;
    const positionS = Math.min(this._player.positionS, theirs.durationS);
    await this._player.use(theirs, { positionS, gain: Math.min(1, quietest / theirs.loudness) });
    if (!this._player.isPlaying) this._player.play();
  }

  /** @param {boolean} isAgain */
  _body(isAgain) {
    const sliders = movedSliders();
    /** @type {GenerationBody} */
    const wish = {
      prompt: draft.prompt.trim(),
      duration_s: draft.durationS,
      ...tasteFields(),
      ...musicFields(),
      ...(Object.keys(sliders).length ? { sliders } : {}),
      ...ownFields(),
    };
    const open = this.versions.current;
    const keepsSeed = isAgain && draft.keepSeed && open && !isSameWish(wish, open.body);
    return { ...wish, chunk_s: CHUNK_S, request_id: api.newRequestId(), ...(keepsSeed ? { seed: open.seed } : {}) };
  }

  /**
   * @param {GenerationBody} body
   * @param {boolean} isBack
   */
  _listener(body, isBack) {
    /** @type {import("../core/stream.js").TakeListener} */
    const listener = {
      waiting: (place, waitS) => {
        const wait = waitS === null ? "" : count("second", waitS);
        const text = wait ? t("make.waiting", { place, wait }) : t("make.waitingPlain", { place });
        this._status(text);
        say(text);
      },
      started: async (take) => {
        take.isSeedAsked = body.seed !== undefined;
        this._keep(take);
        this._present(take);
        this.versions.add({ requestId: take.requestId, body: { ...body }, seed: take.stream.seed });
        await this._player.use(take).catch(() => showProblem(byId("again-error"), { words: t("error.sound") }, { kept: t("kept.words") }));
        if (settings.autoplay && !isBack) this._player.play();
      },
      grew: (take) => {
        this._player.grew(take);
        this._status(t("make.made", { made: clock(take.madeS), total: clock(take.durationS) }));
        if (this._player.take === take) this._player.dispatchEvent(new Event("change"));
      },
      resuming: (take) => {
        const text = t("make.resuming", { made: clock(take.madeS) });
        this._status(text);
        say(text);
      },
    };
    return listener;
  }

  /** @param {Take} take */
  _present(take) {
    show(byId("listen-step"), true);
    byId("take-title").textContent = t("listen.take", { prompt: take.body.prompt });
    showNotices(take.stream.notices);
    showFacts(take, this.model, null);
    enable(byId("download"), take.isWhole);
    this._offer(take);
    enable(byId("longer"), this._mayGrow(take));
    enable(byId("more"), take.isWhole);
    if ([byId("make"), byId("again"), document.body].includes(/** @type {HTMLElement} */ (document.activeElement)) && this._aborter) {
      byId("play").focus({ preventScroll: false });
    }
  }

  /**
   * What can be done with a take, as far as it is made.
   * @param {Take} take
   */
  _offer(take) {
    this._share.offer(take);
    this._video.offer(take);
  }

  /** @param {Take} take */
  async _whole(take, { isOld = false } = {}) {
    this._keep(take);
    enable(byId("download"), true);
    if (this._player.take === take) this._offer(take);
    enable(byId("longer"), this._mayGrow(take));
    enable(byId("more"), take.isWhole);
    if (!isOld) {
      clearPending();
      const length = count("second", Math.round(take.durationS));
      const withKey = this._player.isPlaying ? "make.readyPlaying" : "make.ready";
      const text = t(settings.shortcuts ? withKey : "make.readyPlain", { length });
      this._status(text);
      sayNow(text);
      this._onWhole();
    }
    const record = await api.getTake(take.requestId).catch(() => /** @type {TakeJson | null} */ (null));
    if (this._player.take === take) showFacts(take, this.model, record);
  }

  /**
   * @param {any} error
   * @param {GenerationBody} body
   * @param {HTMLElement} errorNode
   */
  _failed(error, body, errorNode) {
    const take = this._takes.get(body.request_id);
    this._status("");
    if (error.name === "AbortError") {
      clearPending();
      this._status(t("make.stopped"));
      sayNow(t("make.stopped"));
      return;
    }
    if (error.status >= 400 && error.status < 500 && error.status !== 429) clearPending();
    const fault = error.problem?.errors?.find((/** @type {{ field: string }} */ item) => item.field === "prompt");
    if (fault) showFault(`${t("words.label")} ${fault.message}.`);
    if (!error.problem && take) error.words = t("error.cut");
    const kept = take ? t("kept.part", { made: clock(take.madeS) }) : t("kept.words");
    showProblem(errorNode, error, { kept, retry: () => this._retry(body, error, errorNode) });
  }

  /**
   * The same request again; where it was refused as such, what is set now, under a new id.
   * @param {GenerationBody} body
   * @param {any} error
   * @param {HTMLElement} errorNode
   */
  _retry(body, error, errorNode) {
    const isRefused = error.status >= 400 && error.status < 500 && error.status !== 429;
    this.make(isRefused ? { ...this._body(false), seed: body.seed } : body, errorNode);
  }

  /** @param {Version} version */
  async _takeOf(version) {
    const known = this._takes.get(version.requestId);
    if (known?.isWhole) return known;
    const quiet = { started() {}, grew() {}, resuming() {} };
    const take = await fetchTake(version.requestId, version.body, new AbortController().signal, quiet);
    this._keep(take);
    return take;
  }

  /** @param {Take} take */
  _keep(take) {
    this._takes.delete(take.requestId);
    this._takes.set(take.requestId, take);
    if (this._takes.size > KEPT_TAKES) this._takes.delete(this._takes.keys().next().value);
  }

  /** @param {GenerationBody} body */
  _restoreDraft(body) {
    setWords(body.prompt);
    setMusic(body);
    setSliders(body.sliders || {});
    setOwnSliders(toOwn(body.concepts || []));
    setLength(body.duration_s);
    this._onRestored(body);
  }

  /** @param {boolean} isBusy */
  _busy(isBusy) {
    this._aborter = isBusy ? new AbortController() : null;
    enable(byId("make"), !isBusy);
    enable(byId("again"), !isBusy);
    enable(byId("live"), !isBusy);
    show(byId("stop"), isBusy, byId("make"));
  }

  /** @param {string} text */
  _status(text) {
    byId("make-status").textContent = text;
  }

  /** @param {Take} take */
  _mayGrow(take) {
    return take.isWhole && take.durationS + LONGER_S <= (this.model?.take_duration_s_max ?? 300);
  }

  /** The open take with more music after its end; what is there stays as it is. */
  _longer() {
    const { take } = this._player;
    if (this._aborter || isDisabled(byId("longer")) || !take?.isWhole) return;
    this._player.wake().catch(() => {});
    const { seed, resume_sample_offset, ...body } = take.body;
    const longer = { duration_s: take.durationS + LONGER_S, origin: { request_id: take.requestId }, request_id: api.newRequestId() };
    this.make({ ...body, ...longer }, byId("again-error"));
  }

  /** Three takes of the open one's wish with other seeds, side by side. They become versions, of which the first is opened. */
  async _more() {
    const { take } = this._player;
    if (this._aborter || isDisabled(byId("more")) || !take?.isWhole) return;
    const { seed, resume_sample_offset, ...wish } = take.body;
    startJob();
    clearProblem(byId("again-error"));
    this._busy(true);
    this._status(t("make.more"));
    sayNow(t("make.more"));
    try {
      const asked = { ...wish, request_id: api.newRequestId(), n: MORE_TAKES };
      const all = await api.makeVariations(asked, this._aborter.signal);
      const made = all.filter((one) => one.state === "finished");
      // The first is added last, because the version that is added is opened.
      for (const one of made.reverse()) this.versions.add({ requestId: one.request_id, body: { ...wish, request_id: one.request_id }, seed: one.seed });
      if (made.length) await this.open(this.versions.current, { isQuiet: true });
      const key = made.length === MORE_TAKES ? "make.moreReady" : "make.moreFailed";
      const text = t(key, { takes: count("version", made.length), number: this.versions.current?.number ?? 0 });
      this._status(text);
      sayNow(text);
    } catch (error) {
      this._status(error.name === "AbortError" ? t("make.stopped") : "");
      if (error.name === "AbortError") sayNow(t("make.stopped"));
      else showProblem(byId("again-error"), error, { kept: t("kept.all"), retry: () => this._more() });
    } finally {
      this._busy(false);
    }
  }

  _download() {
    const { take } = this._player;
    if (!take?.isWhole) return;
    // The kept file: levelled as a whole, with its content credentials.
    Object.assign(document.createElement("a"), { href: api.takeAudioUrl(take.requestId), download: "" }).click();
  }
}
