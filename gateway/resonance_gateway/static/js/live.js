// Playing live: one performance that goes on until it is stopped, and obeys every slider and word within a chunk.

import * as api from "./api.js";
import { alarm, sayNow } from "./announce.js";
import { byId, enable, isDisabled, show } from "./dom.js";
import { showNotices } from "./facts.js";
import { clearProblem, showProblem } from "./problem.js";
import { inWords, movedSliders } from "./sliders.js";
import { draft, onDraft, tasteWish } from "./store.js";
import { t } from "./strings.js";
import { showFault } from "./words.js";

const SETTLE_MS = 80; // a slider that is dragged says many things; the last one counts

export class Live {
  constructor({ player, tune }) {
    this._player = player;
    this._tune = tune;
    this._performance = null;
    this._wasStopped = false;
    this._sent = "";
    this._timer = null;
    byId("live").addEventListener("click", () => (this._performance ? this.stop() : this.start()));
    onDraft(() => this._changed());
    byId("volume").addEventListener("input", ({ target }) => this._gain?.gain.setTargetAtTime(Number(target.value), this._context.currentTime, 0.02));
    tune.onChange((melody) => this._performance?.send(melody ? { melody } : { without_melody: true }));
  }

  get isPlaying() {
    return this._performance !== null;
  }

  /** Begins; must be called from a press, or the browser keeps the sound off. */
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
    const opening = this._tune.sound ? { ...recipe, melody: this._tune.sound } : recipe;
    this._performance = api.openPerformance(opening, {
      event: (event) => this._event(event),
      samples: (samples) => this._sound?.port.postMessage({ samples }, [samples.buffer]),
      ended: (error) => this._ended(error),
    });
    this._show(true);
    this._status(t("live.asking"));
  }

  /** Ends with what has been played. */
  stop() {
    this._wasStopped = true;
    this._performance?.send({ command: "stop" });
    this._silence();
  }

  _recipe() {
    const sliders = movedSliders();
    return {
      prompt: draft.prompt.trim(),
      ...tasteWish(),
      ...(Object.keys(sliders).length ? { sliders } : {}),
    };
  }

  /** Something was moved or written: what is set now goes out once it has settled. */
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

  _event(event) {
    if (event.type === "started") {
      this._open(event.format);
      showNotices(event.notices);
      this._status(t("live.playing"));
      sayNow(t("live.playing"));
    } else if (event.type === "recipe" && event.fault) {
      this._status(t("live.refused", { why: event.fault.replace(/^[A-Z_]+: /, "") }));
    } else if (event.type === "recipe") {
      showNotices(event.notices);
      this._status(t(event.melody_sha256 ? "live.heardTune" : "live.heard", { what: inShort(event.recipe) }));
    } else if (event.type === "fault") {
      this._status(t("live.refused", { why: event.problem.detail }));
    }
  }

  async _open(format) {
    this._waiting = [];
    const context = new AudioContext({ sampleRate: format.sample_rate_hz, latencyHint: "interactive" });
    this._context = context;
    // Chunks that come before the worklet stands are kept.
    this._sound = { port: { postMessage: ({ samples }) => this._waiting.push(samples) } };
    try {
      await context.audioWorklet.addModule("/static/js/live-worklet.js");
      if (this._context !== context) return;
      const options = { outputChannelCount: [2], processorOptions: { channelCount: format.channel_count || 1 } };
      const node = new AudioWorkletNode(context, "live-player", options);
      this._gain = new GainNode(context, { gain: Number(byId("volume").value) });
      node.connect(this._gain).connect(context.destination);
      for (const samples of this._waiting) node.port.postMessage({ samples }, [samples.buffer]);
      this._sound = node;
    } catch {
      if (this._context !== context) return; // stopped meanwhile: a closed context takes no module
      this._wasStopped = true;
      this._silence();
      this._performance?.close();
      showProblem(byId("make-error"), { words: t("error.sound") }, { kept: t("kept.words") });
    }
  }

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

  _show(isLive) {
    byId("live").textContent = t(isLive ? "live.stop" : "live.go");
    byId("live").setAttribute("aria-pressed", String(isLive));
    enable(byId("make"), !isLive);
    if (isLive) show(byId("listen-step"), true);
    byId("listen-step").classList.toggle("is-live", isLive);
  }

  _status(text) {
    byId("make-status").textContent = text;
  }
}

/** What a recipe asks for, in a few words. */
function inShort(recipe) {
  const moved = Object.entries(recipe.sliders || {}).filter(([, value]) => value);
  const sliders = moved.map(([name, value]) => inWords(name, value));
  return [recipe.prompts[0].text, ...sliders].join(", ");
}
