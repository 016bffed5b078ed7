// Live music: one performance with controls. It is recorded from its first chunk and becomes a take.

import * as api from "../core/api.js";
import { alarm, sayNow } from "../core/announce.js";
import { byId, clock, enable, isDisabled, show } from "../core/dom.js";
import { state } from "../core/state.js";
import { backendField, draft, onDraft, tasteFields } from "../core/store.js";
import { around, shown, tell } from "../core/server-texts.js";
import { lengthOf, list, t } from "../core/strings.js";
import { Take } from "../sound/take.js";
import { showNotices } from "./facts.js";
import { musicFields } from "./music.js";
import { ownFields, ownInWords, toOwn, withLabels } from "./own-sliders.js";
import { clearProblem, showProblem } from "./problem.js";
import { inWords, movedSliders, sliderName } from "./sliders.js";
import { showFault } from "./words.js";

const SETTLE_MS = 80; // a dragged slider fires many events; only the last one is sent
const REST_MS = 1200; // words are sent after this rest, on Enter, or when their field is left
const SAID_APART_MS = 3000;
const KEPT_S_MAX = 600; // as the server keeps: PERFORMANCE_KEPT_S_MAX
const KEPT_S_MIN = 1;
const TYPED = ["prompt", "music-without", "music-bpm"];

export class LiveStep {
  /**
   * @param {{ engine: import("../sound/engine.js").Engine, player: import("../sound/player.js").Player, melody: import("./melody.js").MelodyPicker,
   *   onKept(take: Take): void }} options
   */
  constructor({ engine, player, melody, onKept }) {
    this._engine = engine;
    this._player = player;
    this._melody = melody;
    this._onKept = onKept;
    /** @type {ReturnType<typeof api.openPerformance> | null} */
    this._performance = null;
    /** @type {AudioWorkletNode | null} */
    this._node = null;
    this._run = 0; // counts performances, so that a late answer of an earlier one is dropped
    this._wasStopped = false;
    this._sent = "";
    /** @type {number | undefined} */
    this._timer = undefined;
    this._saidMs = -Infinity;
    onDraft(() => this._changed());
    melody.onChange((sound) => this._performance?.send(sound ? { melody: sound } : { without_melody: true }));
    for (const id of TYPED) {
      byId(id).addEventListener("blur", () => this._commitWords());
      byId(id).addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
        if (event.key !== "Enter" || event.shiftKey || !this._performance) return;
        event.preventDefault();
        this._commitWords();
      });
    }
  }

  get isPlaying() {
    return this._performance !== null;
  }

  /** Starts a performance. Must be called from a user gesture, or the browser blocks sound. */
  async start() {
    if (this._performance || isDisabled(byId("live"))) return;
    if (!draft.prompt.trim()) {
      showFault(t("words.empty"));
      alarm(t("words.empty"));
      return;
    }
    clearProblem(byId("make-error"));
    if (this._player.isPlaying) this._player.pause();
    this._run += 1;
    this._wasStopped = false;
    this._requestId = api.newRequestId();
    /** @type {Int16Array[]} */
    this._chunks = [];
    this._format = { sample_rate_hz: 0, channel_count: 1 };
    this._madeS = 0;
    /** @type {{ atS: number, recipe: RecipeJson }[]} */
    this._changes = [];
    /** @type {{ atS: number, text: string }[]} */
    this._coming = [];
    this._words = wordsNow();
    const recipe = this._recipe();
    this._sent = JSON.stringify(recipe);
    const opening = { ...recipe, ...backendField("live"), request_id: this._requestId, keep: true, ...(this._melody.sound ? { melody: this._melody.sound } : {}) };
    this._performance = api.openPerformance(opening, {
      event: (event) => this._event(event),
      samples: (samples) => this._take(samples),
      ended: (error) => this._ended(error),
    });
    state.live.value = { isPaused: false, playedS: 0, lagS: 0, heard: "", sliders: recipe.sliders ?? {} };
    state.lanes.value = [];
    this._show(true);
    this._status(t("live.asking"));
  }

  /** Opens a room with the words and sliders in hand, and goes to its page. The taste in use can be used by all in the room. */
  async together() {
    if (this._performance || isDisabled(byId("together"))) return;
    if (!draft.prompt.trim()) {
      showFault(t("words.empty"));
      alarm(t("words.empty"));
      return;
    }
    clearProblem(byId("make-error"));
    enable(byId("together"), false);
    this._status(t("room.opening"));
    this._words = wordsNow();
    const recipe = { ...this._recipe(), taste_in_words: false }; // the words of a room are those of its owner
    const offered = draft.tasteId && !draft.tasteInWords ? [draft.tasteId] : [];
    try {
      const room = await api.openRoom({ ...recipe, keep: true, request_id: api.newRequestId(), offered_taste_ids: offered });
      location.assign(`rooms/${room.room_id}#${[room.owner_token, room.play_token, room.listen_token].join(".")}`);
    } catch (error) {
      this._status("");
      showProblem(byId("make-error"), error, { kept: t("kept.words"), retry: () => this.together() });
    } finally {
      enable(byId("together"), true);
    }
  }

  /** Stops the performance at once; what was played becomes a take. */
  stop() {
    this._wasStopped = true;
    this._performance?.send({ command: "stop" });
    this._silence();
  }

  /** Holds the music, or goes on. */
  togglePause() {
    if (!this._performance || !state.live.value) return;
    const isPaused = !state.live.value.isPaused;
    this._performance.send({ command: isPaused ? "pause" : "play" });
    this._node?.port.postMessage({ hold: isPaused });
    state.live.value = { ...state.live.value, isPaused };
    this._status(t(isPaused ? "live.paused" : "live.playing"));
    sayNow(t(isPaused ? "live.paused" : "live.resumed"));
  }

  _recipe() {
    const sliders = movedSliders();
    return { ...tasteFields(), ...this._words, ...(Object.keys(sliders).length ? { sliders } : {}), ...ownFields() };
  }

  /** Sends sliders once they have rested for SETTLE_MS, and words that are being typed not before `_commitWords`. */
  _changed() {
    if (!this._performance) return;
    const isTyping = TYPED.includes(document.activeElement?.id ?? "") && JSON.stringify(wordsNow()) !== JSON.stringify(this._words);
    clearTimeout(this._timer);
    this._timer = setTimeout(() => (isTyping ? this._commitWords() : this._send()), isTyping ? REST_MS : SETTLE_MS);
    if (!isTyping) this._words = wordsNow();
  }

  _commitWords() {
    if (!this._performance) return;
    clearTimeout(this._timer);
    this._words = wordsNow();
    this._send();
  }

  _send() {
    const recipe = this._recipe();
    const text = JSON.stringify(recipe);
    if (!this._performance || !recipe.prompt || text === this._sent) return;
    this._sent = text;
    this._performance.send({ recipe });
  }

  /** @param {PerformanceEvent} event */
  _event(event) {
    if (event.type === "started") {
      this._format = event.format;
      this._opened = event;
      this._changes = [{ atS: 0, recipe: event.recipe }];
      this._open();
      showNotices(event.notices);
      this._status(t("live.playing"));
      sayNow(t("live.playing"));
    } else if (event.type === "queued") {
      this._status(t("make.waitingPlain", { place: event.place }));
    } else if (event.type === "recipe" && event.fault) {
      const [, reason, message] = event.fault.match(/^(?:([A-Z_]+): )?(.*)$/s);
      this._refused(tell(reason, withLabels(message)));
    } else if (event.type === "recipe") {
      showNotices(event.notices);
      this._inForce(event);
    } else if (event.type === "fault") {
      this._refused(tell(event.problem.reason, event.problem.detail));
    }
  }

  /** @param {{ text: string, isEnglish: boolean }} why */
  _refused(why) {
    byId("make-status").replaceChildren(...around("live.refused", "why", [shown(why)]));
    alarm(t("live.refused", { why: why.text }));
  }

  /** @param {PerformanceEvent} event */
  _inForce(event) {
    this._status(t(event.melody_sha256 ? "live.heardTune" : "live.heard", { what: inShort(event.recipe) }));
    const atS = (event.sample_offset || 0) / (this._format.sample_rate_hz || 1);
    const text = difference(this._changes.at(-1)?.recipe, event.recipe);
    this._changes.push({ atS, recipe: event.recipe });
    if (!text) return;
    state.lanes.value = [...state.lanes.value, { atS, text }];
    this._coming.push({ atS, text });
  }

  /** @param {Int16Array<ArrayBuffer>} samples */
  _take(samples) {
    const perS = this._format.sample_rate_hz * (this._format.channel_count || 1);
    this._madeS += samples.length / perS;
    if (this._madeS <= KEPT_S_MAX) this._chunks.push(samples.slice());
    if (this._node) this._node.port.postMessage({ samples }, [samples.buffer]);
    else this._waiting?.push(samples);
  }

  async _open() {
    const run = this._run;
    /** @type {Int16Array<ArrayBuffer>[]} chunks that arrive before the worklet has loaded */
    this._waiting = [];
    try {
      const node = await this._engine.source("live-player", this._format.sample_rate_hz, { channelCount: this._format.channel_count || 1 });
      if (run !== this._run || !this._performance || this._wasStopped) {
        node.disconnect();
        return;
      }
      node.port.onmessage = ({ data }) => this._heard(data);
      for (const samples of this._waiting) node.port.postMessage({ samples }, [samples.buffer]);
      this._node = node;
      if (state.live.value?.isPaused) node.port.postMessage({ hold: true });
    } catch {
      if (run !== this._run || !this._performance || this._wasStopped) return; // stopped in the meantime
      this._wasStopped = true;
      this._silence();
      this._performance?.close();
      showProblem(byId("make-error"), { words: t("error.sound") }, { kept: t("kept.words") });
    }
  }

  /** @param {{ played: number, left: number }} report */
  _heard({ played, left }) {
    const live = state.live.value;
    if (!live) return;
    const playedS = played / this._format.sample_rate_hz;
    let { heard } = live;
    const now = this._coming.filter((change) => change.atS <= playedS);
    if (now.length) {
      heard = t("live.now", { what: list(now.map((change) => change.text)) });
      if (performance.now() - this._saidMs >= SAID_APART_MS) {
        this._coming = this._coming.filter((change) => change.atS > playedS);
        this._saidMs = performance.now();
        sayNow(heard);
      }
    }
    const sliders = this._changes.findLast((change) => change.atS <= playedS)?.recipe.sliders ?? live.sliders;
    byId("live-level").value = Math.min(1, 3 * this._engine.level);
    state.live.value = { ...live, playedS, lagS: left / this._format.sample_rate_hz, heard, sliders };
  }

  /** @param {any} error */
  _ended(error) {
    const isFault = error && !this._wasStopped;
    this._performance = null;
    this._silence();
    this._show(false);
    const take = this._kept();
    if (take) this._onKept(take);
    const text = t(take ? "live.kept" : "live.ended", { length: clock(take?.durationS ?? 0) });
    this._status(isFault ? "" : text);
    if (isFault) {
      showProblem(byId("make-error"), error, { kept: t(take ? "live.keptPart" : "kept.words"), retry: () => this.start() });
    } else {
      sayNow(text);
    }
  }

  /** What was played, sample for sample, as a take; null where it was shorter than KEPT_S_MIN. */
  _kept() {
    const channelCount = this._format.channel_count || 1;
    const count = this._chunks.reduce((sum, chunk) => sum + chunk.length, 0) / channelCount;
    if (!this._opened || count < KEPT_S_MIN * this._format.sample_rate_hz) return null;
    const last = this._changes.at(-1).recipe;
    /** @type {TakeStreamInfo} */
    const stream = {
      reader: null, byteCount: 0, requestId: this._requestId, sampleRateHz: this._format.sample_rate_hz, durationS: count / this._format.sample_rate_hz,
      backend: this._opened.model?.backend ?? "", model: this._opened.model?.model_id ?? "", steering: null, seed: this._opened.seed ?? 0,
      notices: [], ownNotice: this._madeS > KEPT_S_MAX ? t("live.keptMost", { length: lengthOf(KEPT_S_MAX) }) : "", place: 0, waitS: null,
    };
    const body = { ...this._recipe(), prompt: last.prompts[0]?.text ?? draft.prompt.trim(), isLive: true, request_id: this._requestId };
    const take = new Take({
      requestId: this._requestId, body, stream, sampleRateHz: this._format.sample_rate_hz, channelCount, sampleCount: count, header: new Uint8Array(0),
    });
    for (const chunk of this._chunks) take.append(chunk);
    this._chunks = [];
    this._opened = null;
    return take;
  }

  _silence() {
    clearTimeout(this._timer);
    this._node?.disconnect();
    this._node = null;
    this._waiting = null;
    state.live.value = null;
  }

  /** @param {boolean} isLive */
  _show(isLive) {
    byId("live").textContent = t(isLive ? "live.stop" : "live.go");
    byId("live").setAttribute("aria-pressed", String(isLive));
    enable(byId("make"), !isLive);
    enable(byId("together"), !isLive);
    show(byId("live-stop"), isLive, byId("play"));
    show(byId("live-line"), isLive);
    document.body.classList.toggle("is-live", isLive);
  }

  /** @param {string} text */
  _status(text) {
    byId("make-status").textContent = text;
  }
}

/** The words of a recipe as they stand in the fields. */
const wordsNow = () => ({ prompt: draft.prompt.trim(), ...musicFields() });

/**
 * What differs between two recipes, in the words of the sliders; empty where nothing does.
 * @param {RecipeJson | undefined} before
 * @param {RecipeJson} after
 */
export function difference(before, after) {
  const [then, now] = [before?.sliders || {}, after.sliders || {}];
  const moved = Object.keys({ ...then, ...now }).filter((name) => (then[name] || 0) !== (now[name] || 0));
  const texts = moved.map((name) => t("answer.slider", { name: sliderName(name), words: inWords(name, now[name] || 0) }));
  /** @param {RecipeJson | undefined} recipe @param {string} name */
  const place = (recipe, name) => recipe?.concepts?.find((one) => one.name === name)?.position || 0;
  const own = new Set([...(before?.concepts || []), ...(after.concepts || [])].map((one) => one.name));
  texts.push(...[...own].filter((name) => place(before, name) !== place(after, name)).map((name) => ownInWords(name, place(after, name))));
  const words = after.prompts[0]?.text ?? "";
  if (words !== (before?.prompts[0]?.text ?? "")) texts.unshift(t("quoted", { text: words }));
  if ((before?.bpm ?? null) !== (after.bpm ?? null) || (before?.key ?? "") !== (after.key ?? "")) texts.push(t("versions.music"));
  return list(texts);
}

/**
 * A recipe in a few words.
 * @param {RecipeJson} recipe
 */
function inShort(recipe) {
  const moved = Object.entries(recipe.sliders || {}).filter(([, value]) => value);
  const sliders = moved.map(([name, value]) => inWords(name, value));
  const own = toOwn(recipe.concepts || []).map(({ name, position }) => ownInWords(name, position));
  return list([recipe.prompts[0].text, ...sliders, ...own]);
}
