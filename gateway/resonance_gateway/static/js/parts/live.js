// Live music: one performance with controls.
// Changed sliders and words act within a chunk.

import * as api from "../core/api.js";
import { alarm, sayNow } from "../core/announce.js";
import { byId, enable, isDisabled, show } from "../core/dom.js";
import { showNotices } from "./facts.js";
import { clearProblem, showProblem } from "./problem.js";
import { musicFields } from "./music.js";
import { ownFields, ownInWords, toOwn, withLabels } from "./own-sliders.js";
import { inWords, movedSliders } from "./sliders.js";
import { draft, onDraft, tasteFields } from "../core/store.js";
import { t } from "../core/strings.js";
import { showFault } from "./words.js";

const SETTLE_MS = 80; // a dragged slider fires many events; only the last one is sent

export class LiveStep {
  /** @param {{ player: import("../sound/player.js").Player, melody: import("./melody.js").MelodyPicker }} options */
  constructor({ player, melody }) {
    this._player = player;
    this._melody = melody;
    /** @type {ReturnType<typeof api.openPerformance> | null} */
    this._performance = null;
    /** @type {AudioContext | null} */
    this._context = null;
    /** @type {{ port: { postMessage(message: { samples: Int16Array }, transfer?: Transferable[]): void } } | null} */
    this._sound = null;
    /** @type {GainNode | null} */
    this._gain = null;
    /** @type {Int16Array[]} */
    this._waiting = [];
    this._wasStopped = false;
    this._sent = "";
    /** @type {number | undefined} */
    this._timer = undefined;
    byId("live").addEventListener("click", () => (this._performance ? this.stop() : this.start()));
    onDraft(() => this._changed());
    byId("volume").addEventListener("input", () => this._gain?.gain.setTargetAtTime(Number(byId("volume").value), this._context.currentTime, 0.02));
    melody.onChange((sound) => this._performance?.send(sound ? { melody: sound } : { without_melody: true }));
  }

  get isPlaying() {
    return this._performance !== null;
  }

  /** Starts a performance. Must be called from a user gesture, or the browser blocks sound. */
  async start() {
    if (isDisabled(byId("live"))) return;
    if (!draft.prompt.trim()) {
      showFault(t("words.empty"));
      alarm(t("words.empty"));
      return;
    }
    clearProblem(byId("make-error"));
    if (this._player.isPlaying) this._player.pause();
    const recipe = this._recipe();
    this._sent = JSON.stringify(recipe);
    this._wasStopped = false;
    const opening = this._melody.sound ? { ...recipe, melody: this._melody.sound } : recipe;
    this._performance = api.openPerformance(opening, {
      event: (event) => this._event(event),
      samples: (samples) => this._sound?.port.postMessage({ samples }, [samples.buffer]),
      ended: (error) => this._ended(error),
    });
    this._show(true);
    this._status(t("live.asking"));
  }

  /** Stops the performance. */
  stop() {
    this._wasStopped = true;
    this._performance?.send({ command: "stop" });
    this._silence();
  }

  _recipe() {
    const sliders = movedSliders();
    return {
      prompt: draft.prompt.trim(),
      ...tasteFields(),
      ...musicFields(),
      ...(Object.keys(sliders).length ? { sliders } : {}),
      ...ownFields(),
    };
  }

  /** Sends the recipe after a change, once the draft has not changed for SETTLE_MS. */
  _changed() {
    if (!this._performance) return;
    clearTimeout(this._timer);
    this._timer = setTimeout(() => {
      const recipe = this._recipe();
      const text = JSON.stringify(recipe);
      if (!this._performance || !recipe.prompt || text === this._sent) return;
      this._sent = text;
      this._performance.send({ recipe });
    }, SETTLE_MS);
  }

  /** @param {PerformanceEvent} event */
  _event(event) {
    if (event.type === "started") {
      this._open(event.format);
      showNotices(event.notices);
      this._status(t("live.playing"));
      sayNow(t("live.playing"));
    } else if (event.type === "queued") {
      this._status(t("make.waitingPlain", { place: event.place }));
    } else if (event.type === "recipe" && event.fault) {
      this._status(t("live.refused", { why: withLabels(event.fault.replace(/^[A-Z_]+: /, "")) }));
    } else if (event.type === "recipe") {
      showNotices(event.notices);
      this._status(t(event.melody_sha256 ? "live.heardTune" : "live.heard", { what: inShort(event.recipe) }));
    } else if (event.type === "fault") {
      this._status(t("live.refused", { why: event.problem.detail }));
    }
  }

  /** @param {{ sample_rate_hz: number, channel_count: number }} format */
  async _open(format) {
    this._waiting = [];
    const context = new AudioContext({ sampleRate: format.sample_rate_hz, latencyHint: "interactive" });
    this._context = context;
    // Chunks that arrive before the worklet has loaded are queued.
    this._sound = { port: { postMessage: ({ samples }) => this._waiting.push(samples) } };
    try {
      await context.audioWorklet.addModule("static/js/sound/live-worklet.js");
      if (this._context !== context) return;
      const options = { outputChannelCount: [2], processorOptions: { channelCount: format.channel_count || 1 } };
      const node = new AudioWorkletNode(context, "live-player", options);
      this._gain = new GainNode(context, { gain: Number(byId("volume").value) });
      node.connect(this._gain).connect(context.destination);
      for (const samples of this._waiting) node.port.postMessage({ samples }, [samples.buffer]);
      this._sound = node;
    } catch {
      if (this._context !== context) return; // stopped in the meantime: addModule fails on a closed context
      this._wasStopped = true;
      this._silence();
      this._performance?.close();
      showProblem(byId("make-error"), { words: t("error.sound") }, { kept: t("kept.words") });
    }
  }

  /** @param {any} error */
  _ended(error) {
    const isFault = error && !this._wasStopped;
    this._performance = null;
    this._silence();
    this._show(false);
    this._status(isFault ? "" : t("live.ended"));
    if (isFault) {
      showProblem(byId("make-error"), error, { kept: t("kept.words"), retry: () => this.start() });
    } else {
      sayNow(t("live.ended"));
    }
  }

  _silence() {
    clearTimeout(this._timer);
    this._context?.close();
    this._context = this._sound = this._gain = null;
  }

  /** @param {boolean} isLive */
  _show(isLive) {
    byId("live").textContent = t(isLive ? "live.stop" : "live.go");
    byId("live").setAttribute("aria-pressed", String(isLive));
    enable(byId("make"), !isLive);
    if (isLive) show(byId("listen-step"), true);
    byId("listen-step").classList.toggle("is-live", isLive);
  }

  /** @param {string} text */
  _status(text) {
    byId("make-status").textContent = text;
  }
}

/**
 * A recipe in a few words.
 * @param {RecipeJson} recipe
 */
function inShort(recipe) {
  const moved = Object.entries(recipe.sliders || {}).filter(([, value]) => value);
  const sliders = moved.map(([name, value]) => inWords(name, value));
  const own = toOwn(recipe.concepts || []).map(({ name, position }) => ownInWords(name, position));
  return [recipe.prompts[0].text, ...sliders, ...own].join(", ");
}
