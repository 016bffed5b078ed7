// Steps 3 and 4 together: a request becomes a take, the take plays while it is made, and becomes a version.

import * as api from "./api.js";
import { alarm, say, sayNow, startJob } from "./announce.js";
import { byId, clock, enable, isDisabled, show } from "./dom.js";
import { showFacts, showNotices } from "./facts.js";
import { clearProblem, showProblem } from "./problem.js";
import { Share } from "./share.js";
import { movedSliders, setSliders } from "./sliders.js";
import { clearPending, draft, setPending, settings, tasteWish } from "./store.js";
import { fetchTake, makeTake } from "./stream.js";
import { count, t } from "./strings.js";
import { wavBlob } from "./wav.js";
import { setLength, setWords, showFault } from "./words.js";

const CHUNK_S = 0.25;
const KEPT_TAKES = 6;
const LONGER_S = 10;
const WISHES = ["prompt", "duration_s", "taste_id", "taste_strength", "taste_in_words", "sliders"];

/** The same wish with the same seed would be the same music; whoever presses "again" wants to hear something else. */
const isSameWish = (wish, body) => WISHES.every((key) => JSON.stringify(wish[key]) === JSON.stringify(body[key]));

export class Studio {
  constructor({ player, onWhole, onRestored }) {
    this._player = player;
    this._onWhole = onWhole;
    this._onRestored = onRestored;
    this._takes = new Map();
    this._aborter = null;
    this._share = new Share();
    this.versions = null;
    this.model = null;
    byId("stop").addEventListener("click", () => this.stop());
    byId("download").addEventListener("click", () => this._download());
    byId("longer").addEventListener("click", () => this._longer());
  }

  /** A press on "Make music" or "Make again": checks the words, then makes. */
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

  /** Makes a take. The request is stored before it is sent, so that a reload finds it again. */
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

  /** Opens a version: its words, its sliders, its music. */
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

  /** Only what the server does not have any more is gone; whatever else was the matter passes. */
  _notOpened(error, version) {
    if (error.status === 404) {
      showProblem(byId("again-error"), { words: t("error.gone") }, { kept: t("kept.words") });
      return;
    }
    const told = error instanceof api.ApiError ? error : { words: t("error.sound") };
    showProblem(byId("again-error"), told, { kept: t("kept.all"), retry: () => this.open(version) });
  }

  /** Plays another version in place of the open one (null: the open one), equally loud, from the same place. */
  async swap(other) {
    const mine = await this._takeOf(this.versions.current);
    const theirs = other ? await this._takeOf(other) : mine;
    const quietest = other ? Math.min(mine.loudness, theirs.loudness) : this._comparedLoudness;
    this._comparedLoudness = quietest;
    const positionS = Math.min(this._player.positionS, theirs.durationS);
    await this._player.use(theirs, { positionS, gain: Math.min(1, quietest / theirs.loudness) });
    if (!this._player.isPlaying) this._player.play();
  }

  _body(isAgain) {
    const sliders = movedSliders();
    const wish = {
      prompt: draft.prompt.trim(),
      duration_s: draft.durationS,
      ...tasteWish(),
      ...(Object.keys(sliders).length ? { sliders } : {}),
    };
    const open = this.versions.current;
    const keepsSeed = isAgain && draft.keepSeed && open && !isSameWish(wish, open.body);
    return { ...wish, chunk_s: CHUNK_S, request_id: api.newRequestId(), ...(keepsSeed ? { seed: open.seed } : {}) };
  }

  _listener(body, isBack) {
    return {
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
  }

  _present(take) {
    show(byId("listen-step"), true);
    byId("take-title").textContent = t("listen.take", { prompt: take.body.prompt });
    showNotices(take.stream.notices);
    showFacts(take, this.model, null);
    enable(byId("download"), take.isWhole);
    this._share.offer(take);
    enable(byId("longer"), this._mayGrow(take));
    if ([byId("make"), byId("again"), document.body].includes(document.activeElement) && this._aborter) {
      byId("play").focus({ preventScroll: false });
    }
  }

  async _whole(take, { isOld = false } = {}) {
    this._keep(take);
    enable(byId("download"), true);
    if (this._player.take === take) this._share.offer(take);
    enable(byId("longer"), this._mayGrow(take));
    if (!isOld) {
      clearPending();
      const length = count("second", Math.round(take.durationS));
      const withKey = this._player.isPlaying ? "make.readyPlaying" : "make.ready";
      const text = t(settings.shortcuts ? withKey : "make.readyPlain", { length });
      this._status(text);
      sayNow(text);
      this._onWhole();
    }
    const record = await api.getTake(take.requestId).catch(() => null);
    if (this._player.take === take) showFacts(take, this.model, record);
  }

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
    const fault = error.problem?.errors?.find((item) => item.field === "prompt");
    if (fault) showFault(`${t("words.label")} ${fault.message}.`);
    if (!error.problem && take) error.words = t("error.cut");
    const kept = take ? t("kept.part", { made: clock(take.madeS) }) : t("kept.words");
    showProblem(errorNode, error, { kept, retry: () => this._retry(body, error, errorNode) });
  }

  /** The same request again; where it was refused as such, what is set now, under a new id. */
  _retry(body, error, errorNode) {
    const isRefused = error.status >= 400 && error.status < 500 && error.status !== 429;
    this.make(isRefused ? { ...this._body(false), seed: body.seed } : body, errorNode);
  }

  async _takeOf(version) {
    const known = this._takes.get(version.requestId);
    if (known?.isWhole) return known;
    const quiet = { started() {}, grew() {}, resuming() {} };
    const take = await fetchTake(version.requestId, version.body, new AbortController().signal, quiet);
    this._keep(take);
    return take;
  }

  _keep(take) {
    this._takes.delete(take.requestId);
    this._takes.set(take.requestId, take);
    if (this._takes.size > KEPT_TAKES) this._takes.delete(this._takes.keys().next().value);
  }

  _restoreDraft(body) {
    setWords(body.prompt);
    setSliders(body.sliders || {});
    setLength(body.duration_s);
    this._onRestored(body);
  }

  _busy(isBusy) {
    this._aborter = isBusy ? new AbortController() : null;
    enable(byId("make"), !isBusy);
    enable(byId("again"), !isBusy);
    enable(byId("live"), !isBusy);
    show(byId("stop"), isBusy, byId("make"));
  }

  _status(text) {
    byId("make-status").textContent = text;
  }

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

  _download() {
    const { take } = this._player;
    if (!take?.isWhole) return;
    const url = URL.createObjectURL(wavBlob(take));
    Object.assign(document.createElement("a"), { href: url, download: `resonance-${take.requestId}.wav` }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  }
}
