// Transport: the player's buttons, seek slider, clock and volume.

import { sayNow } from "../core/announce.js";
import { byId, clock, icon } from "../core/dom.js";
import { saveSettings, settings } from "../core/store.js";
import { t } from "../core/strings.js";
import { Waveform } from "../pictures/waveform.js";

const JUMP_S = 5;

export class Transport {
  /** @param {any} player */
  constructor(player) {
    this._player = player;
    this._waveform = new Waveform();
    this._lastState = "";
    this._button("back", "back", () => this.jump(-JUMP_S));
    this._button("forward", "forward", () => this.jump(JUMP_S));
    this._button("play", "play", () => player.toggle());
    this._watchSeek();
    this._watchVolume();
    player.addEventListener("change", () => this.draw());
  }

  /** @param {number} seconds */
  jump(seconds) {
    const { take, positionS } = this._player;
    if (!take) return;
    this._player.seek(positionS + seconds);
    sayNow(this._valueText());
  }

  /** Draws the player's state. */
  draw() {
    const { take, positionS, state, isPlaying } = this._player;
    if (!take) return;
    const seek = byId("seek");
    seek.max = take.durationS.toFixed(1);
    seek.value = positionS;
    const text = this._valueText();
    if (seek.getAttribute("aria-valuetext") !== text) {
      seek.setAttribute("aria-valuetext", text);
      byId("clock").textContent = `${clock(positionS)} / ${clock(take.durationS)}`;
    }
    this._face("play", isPlaying ? "pause" : "play");
    this._drawState(state, take);
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
    const text = words ? t(words) : take.isWhole ? "" : t("listen.made");
    if (text !== this._lastState) byId("play-state").textContent = this._lastState = text;
  }

  /**
   * @param {string} id
   * @param {"play" | "pause" | "back" | "forward"} name
   * @param {() => void} act
   */
  _button(id, name, act) {
    byId(id).addEventListener("click", act);
    this._face(id, name);
  }

  /**
   * @param {string} id
   * @param {"play" | "pause" | "back" | "forward"} name
   */
  _face(id, name) {
    const button = byId(id);
    if (button.dataset.face === name) return;
    button.dataset.face = name;
    button.setAttribute("aria-label", t(`listen.${name}`));
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
      this._player.volume = settings.volume;
      volume.setAttribute("aria-valuetext", t("listen.volumeValue", { percent: Math.round(settings.volume * 100) }));
    };
    volume.value = settings.volume;
    volume.addEventListener("input", setVolume);
    volume.addEventListener("change", saveSettings);
    setVolume();
  }
}
