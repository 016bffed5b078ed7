// Takes: request, play, and keep one.

import * as api from "../core/api.js";
import { alarm, say, sayNow, startJob } from "../core/announce.js";
import { byId, clock, enable, isDisabled, show } from "../core/dom.js";
import { showFacts, showNotices } from "./facts.js";
import { Further } from "./further.js";
import { clearProblem, showProblem } from "./problem.js";
import { Share } from "./share.js";
import { musicFields, setMusic } from "./music.js";
import { ownFields, setOwnSliders, toOwn } from "./own-sliders.js";
import { movedSliders, setSliders } from "./sliders.js";
import { loadLanes } from "./lanes.js";
import { state } from "../core/state.js";
import { backendField, clearPending, draft, pathFields, setPending, settings, tasteFields } from "../core/store.js";
import { fetchTake, makeTake } from "../core/stream.js";
import { tell } from "../core/server-texts.js";
import { lengthOf, sentences, t } from "../core/strings.js";
import { setLength, setWords, showFault } from "./words.js";

/** @typedef {import("../sound/take.js").Take} Take */

const CHUNK_S = 0.25;
const KEPT_TAKES = 6;
const HEARD_TRIES = 15;
const HEARD_APART_MS = 2000;
/** @type {(keyof GenerationBody)[]} */
const WISHES = ["prompt", "duration_s", "taste_id", "taste_strength", "taste_in_words", "tastes", "taste_path", "sliders", "concepts", "bpm", "key", "negative_prompt"];

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
    this.share = new Share();
    /** @type {import("./versions.js").Versions | null} */
    this.versions = null;
    /** @type {ModelJson | null} */
    this.model = null;
    this.further = new Further(this, player);
    /** @type {Promise<void>} resolved once nothing is being made */
    this._idle = Promise.resolve();
    byId("stop").addEventListener("click", () => this.stop());
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

  get isMaking() {
    return this._aborter !== null;
  }

  /**
   * Makes the next version of what is set now; a version that is being made gives way. Returns its number, 0 where there are no words.
   * @param {{ part?: { fromS: number, toS: number } | null, isFresh?: boolean, durationS?: number }} options `part` is made anew, the rest stays
   */
  async next({ part = null, isFresh = false, durationS = 0 } = {}) {
    const { take } = this._player;
    if (!draft.prompt.trim() && take) setWords(take.body.prompt);
    if (!draft.prompt.trim()) {
      showFault(t("words.empty"));
      return 0;
    }
    this.stop();
    await this._idle;
    const body = { ...this._body(!isFresh), ...(durationS ? { duration_s: durationS } : {}) };
    if (part && take?.isWhole && !take.body.isLive && !take.isExample) {
      delete body.seed;
      body.duration_s = take.durationS;
      body.origin = { request_id: take.requestId, start_s: part.fromS, ...(part.toS < take.durationS - 0.05 ? { end_s: part.toS } : {}) };
    }
    const { nextNumber } = this.versions;
    this.make(body, byId("again-error"));
    return nextNumber;
  }

  /**
   * Makes a take. The request is stored before it is sent, so that a reload finds it again.
   * @param {GenerationBody} body
   */
  make(body, errorNode = byId("make-error"), { isBack = false } = {}) {
    this._idle = this._make(body, errorNode, isBack);
    return this._idle;
  }

  /**
   * @param {GenerationBody} body
   * @param {HTMLElement} errorNode
   * @param {boolean} isBack
   */
  async _make(body, errorNode, isBack) {
    startJob();
    clearProblem(errorNode);
    setPending(body);
    this.busy(true);
    const greeting = t(isBack ? "make.again" : "make.asking");
    this.status(greeting);
    sayNow(greeting);
    try {
      const take = await makeTake(body, this._aborter.signal, this._listener(body, isBack));
      this._whole(take);
    } catch (error) {
      this._failed(error, body, errorNode);
    } finally {
      this.busy(false);
    }
  }

  stop() {
    this._aborter?.abort();
  }

  /** The signal of what is being made. */
  get signal() {
    return this._aborter?.signal;
  }

  /**
   * Opens a version: its words, its sliders, its music.
   * @param {Version} version
   */
  async open(version, { isQuiet = false } = {}) {
    this.restoreDraft(version.body);
    clearProblem(byId("again-error"));
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

  /**
   * The request that the fields stand for.
   * @returns {GenerationBody}
   */
  bodyNow() {
    const sliders = movedSliders();
    return {
      prompt: draft.prompt.trim(),
      duration_s: draft.durationS,
      ...tasteFields(),
      ...pathFields(),
      ...musicFields(),
      ...backendField("takes"),
      ...(Object.keys(sliders).length ? { sliders } : {}),
      ...ownFields(),
    };
  }

  /** @param {boolean} isAgain */
  _body(isAgain) {
    const wish = this.bodyNow();
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
        const wait = waitS === null ? "" : lengthOf(waitS);
        const text = wait ? t("make.waiting", { place, wait }) : t("make.waitingPlain", { place });
        this.status(text);
        say(text);
      },
      started: async (take) => {
        take.isSeedAsked = body.seed !== undefined;
        this._keep(take);
        this.versions.add({ requestId: take.requestId, body: { ...body }, seed: take.stream.seed });
        const opening = this._player.use(take).catch(() => showProblem(byId("again-error"), { words: t("error.sound") }, { kept: t("kept.words") }));
        this._present(take);
        await opening;
        if (settings.autoplay && !isBack) this._player.play();
      },
      grew: (take) => {
        this._player.grew(take);
        this.status(t("make.made", { made: clock(take.madeS), total: clock(take.durationS) }));
        if (this._player.take === take) this._player.dispatchEvent(new Event("change"));
      },
      resuming: (take) => {
        const text = t("make.resuming", { made: clock(take.madeS) });
        this.status(text);
        say(text);
      },
    };
    return listener;
  }

  /** @param {Take} take */
  _present(take) {
    state.take.value = take;
    state.record.value = null;
    state.isExample.value = take.isExample;
    state.part.value = null;
    if (state.layout.value !== "desk" && state.layout.value !== "tablet" && state.tab.value === "words" && this._aborter) state.tab.value = "sound";
    loadLanes(take);
    showNotices(take.stream.notices, take.stream.ownNotice);
    showFacts(take, this.model, null);
    enable(byId("download"), take.isWhole);
    this._offer(take);
    this.further.offer(take);
    if ([byId("make"), byId("again"), document.body].includes(/** @type {HTMLElement} */ (document.activeElement)) && this._aborter) {
      byId("play").focus({ preventScroll: false });
    }
  }

  /**
   * What can be done with a take, as far as it is made.
   * @param {Take} take
   */
  _offer(take) {
    this.share.offer(take);
    this._video.offer(take);
  }

  /** @param {Take} take */
  async _whole(take, { isOld = false } = {}) {
    this._keep(take);
    enable(byId("download"), true);
    if (this._player.take === take) this._offer(take);
    this.further.offer(take);
    if (!isOld) {
      clearPending();
      const length = lengthOf(Math.round(take.durationS));
      const withKey = this._player.isPlaying ? "make.readyPlaying" : "make.ready";
      const text = t(settings.shortcuts ? withKey : "make.readyPlain", { length });
      this.status(text);
      sayNow(text);
      this._onWhole();
    }
    await this._hear(take);
  }

  /**
   * Shows the stored description, and asks for it again until tempo and key have been measured.
   * @param {Take} take
   */
  async _hear(take) {
    for (let tries = 0; tries < HEARD_TRIES && this._player.take === take; tries += 1) {
      const record = await api.getTake(take.requestId).catch(() => /** @type {TakeJson | null} */ (null));
      if (this._player.take !== take) return;
      showFacts(take, this.model, record);
      state.record.value = record;
      if (!record || record.heard || record.bpm !== null) return;
      await new Promise((done) => setTimeout(done, HEARD_APART_MS));
    }
  }

  /**
   * Takes a piece that is not of the server's making: live music that was played, or the example.
   * @param {Take} take
   */
  async adopt(take, { isVersion = true } = {}) {
    this._keep(take);
    if (isVersion) this.versions.add({ requestId: take.requestId, body: take.body, seed: take.stream.seed });
    await this._player.use(take);
    this._present(take);
    if (isVersion) await this._whole(take, { isOld: true });
    if (isVersion) this._onWhole();
  }

  /**
   * @param {any} error
   * @param {GenerationBody} body
   * @param {HTMLElement} errorNode
   */
  _failed(error, body, errorNode) {
    const take = this._takes.get(body.request_id);
    this.status("");
    if (error.name === "AbortError") {
      clearPending();
      this.status(t("make.stopped"));
      sayNow(t("make.stopped"));
      return;
    }
    if (error.status >= 400 && error.status < 500 && error.status !== 429) clearPending();
    const fault = error.problem?.errors?.find((/** @type {{ field: string }} */ item) => item.field === "prompt");
    if (fault) showFault(sentences(t("words.label"), tell(fault.reason, `${fault.message}.`).text));
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

  /**
   * Sets the fields to those of a request.
   * @param {GenerationBody} body
   */
  restoreDraft(body) {
    setWords(body.prompt);
    setMusic(body);
    setSliders(body.sliders || {});
    setOwnSliders(toOwn(body.concepts || []));
    setLength(body.duration_s);
    this._onRestored(body);
  }

  /** @param {boolean} isBusy */
  busy(isBusy) {
    this._aborter = isBusy ? new AbortController() : null;
    state.isMaking.value = isBusy;
    enable(byId("make"), !isBusy);
    enable(byId("again"), !isBusy);
    enable(byId("live"), !isBusy);
    enable(byId("together"), !isBusy);
    show(byId("stop"), isBusy, byId("make"));
  }

  /** @param {string} text */
  status(text) {
    byId("make-status").textContent = text;
  }
}
