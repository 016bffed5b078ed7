// Transport: the player's buttons, seek slider, clock and volume.

import { sayNow } from "../core/announce.js";
import { byId, clock, icon, show } from "../core/dom.js";
import { saveSettings, settings } from "../core/store.js";
import { t, tOf } from "../core/strings.js";
import { effect, state } from "../core/state.js";
import { Waveform } from "../pictures/waveform.js";

const JUMP_S = 5;

export class Transport {
  /**
   * @param {import("../sound/player.js").Player} player
   * @param {import("../sound/engine.js").Engine} engine
   */
  constructor(player, engine) {
    this._player = player;
    this._engine = engine;
    this._waveform = new Waveform({ seek: (seconds) => player.seek(seconds), choose: (part) => (state.part.value = part) });
    this._lastState = "";
    this._face("back", "back");
    this._face("forward", "forward");
    this._face("play", "play");
    this._watchSeek();
    this._watchVolume();
    player.addEventListener("change", () => this.draw());
    effect(() => this._drawLive(state.live.value));
    effect(() => {
      this._waveform.part = state.part.value;
      show(byId("redo-part"), state.part.value !== null, byId("loop"));
    });
    effect(() => {
      if (state.take.value) byId("loop").setAttribute("aria-pressed", "false");
    });
  }

  /** @param {number} seconds */
  jump(seconds) {
    const { take, positionS } = this._player;
    if (!take) return "";
    this._player.seek(positionS + seconds);
    sayNow(this._valueText());
    return this._valueText();
  }

  /** Draws the player's state. */
  draw() {
    const { take, positionS, state: playing, isPlaying } = this._player;
    if (!take || state.live.value) return;
    const seek = byId("seek");
    seek.max = take.durationS.toFixed(1);
    seek.value = String(positionS);
    const text = this._valueText();
    if (seek.getAttribute("aria-valuetext") !== text) {
      seek.setAttribute("aria-valuetext", text);
      byId("clock").textContent = `${clock(positionS)} / ${clock(take.durationS)}`;
    }
    this._face("play", isPlaying ? "pause" : "play");
    this._drawState(playing, take);
    this._waveform.set(take, positionS);
  }

  _valueText() {
    const { take, positionS } = this._player;
    return t("listen.positionValue", { at: clock(positionS), total: clock(take.durationS) });
  }

  /**
   * @param {string} state
   * @param {import("../sound/take.js").Take} take
   */
  _drawState(state, take) {
    const words = { buffering: "listen.buffering", ended: "listen.ended", broken: "error.sound" }[state];
    const text = words ? t(/** @type {TextKey} */ (words)) : take.isWhole ? "" : t("listen.made");
    if (text !== this._lastState) byId("play-state").textContent = this._lastState = text;
  }

  /**
   * In live music the clock counts up, and the line beside it says what is heard.
   * @param {import("../core/state.js").LiveState | null} live
   */
  _drawLive(live) {
    if (!live) {
      this.draw();
      return;
    }
    this._face("play", live.isPaused ? "play" : "pause");
    byId("clock").textContent = clock(live.playedS);
    byId("play-state").textContent = this._lastState = live.isPaused ? t("live.pausedShort") : "";
    byId("live-heard").textContent = live.heard;
    byId("live-lag").textContent = t("live.lag", { seconds: Math.round(10 * live.lagS) / 10 });
  }

  /**
   * @param {string} id
   * @param {"play" | "pause" | "back" | "forward"} name
   */
  _face(id, name) {
    const button = byId(id);
    if (button.dataset.face === name) return;
    button.dataset.face = name;
    button.setAttribute("aria-label", tOf("listen", name));
    button.replaceChildren(icon(name));
  }

  _watchSeek() {
    const seek = byId("seek");
    seek.addEventListener("input", () => this._player.seek(Number(seek.value)));
    seek.addEventListener("keydown", (event) => {
      const forward = getComputedStyle(seek).direction === "rtl" ? "ArrowLeft" : "ArrowRight";
      if (!event.key.startsWith("Arrow") || !this._player.take) return;
      event.preventDefault();
      event.stopPropagation();
      const isForward = event.key === forward || event.key === "ArrowUp";
      this._player.seek(this._player.positionS + (isForward ? JUMP_S : -JUMP_S));
    });
  }

  _watchVolume() {
    const volume = byId("volume");
    const setVolume = () => {
      settings.volume = Number(volume.value);
      this._engine.volume = settings.volume;
      volume.setAttribute("aria-valuetext", t("listen.volumeValue", { percent: Math.round(settings.volume * 100) }));
    };
    volume.value = settings.volume;
    volume.addEventListener("input", setVolume);
    volume.addEventListener("change", saveSettings);
    setVolume();
  }
}
