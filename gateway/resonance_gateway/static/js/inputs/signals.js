// Switches of every kind: keys, clicks, buttons of a gamepad, notes of a MIDI device, loud sounds.

import { t } from "../core/strings.js";

/** @typedef {"choose" | "step"} Kind */
/** A switch as it is kept: `key: `, `key:Enter`, `click`, `button:0`, `note:0:60`. @typedef {string} Switch */

const HELD_MS = 3000;
const LISTEN_EVERY_MS = 30;
/** A sound is loud above this level and above this multiple of what was heard before. */
const LOUD = 0.08;
const LOUDER = 4;
const FLOOR_PER_LOOK = 0.05;
const OWN = ".scan-bar button"; // a press of these is no switch

/** Hears the switches of the page and tells who listens. One listener at a time; what it answers is whether the event was its own. */
export class Signals {
  /** @param {{ heard: (signal: Switch) => boolean, held: (signal: Switch) => void, ended: () => boolean }} listener */
  constructor({ heard, held, ended }) {
    this._heard = heard;
    this._held = held;
    this._ended = ended;
    /** @type {Map<Switch, number>} */
    this._down = new Map();
    this._isClick = false;
    const { signal } = (this._stop = new AbortController());
    const options = { capture: true, signal };
    addEventListener("keydown", (event) => this._onKey(event), options);
    addEventListener("keyup", (event) => this.release(`key:${event.key}`), options);
    addEventListener("pointerdown", (event) => this._onPointer(event), options);
    addEventListener("pointerup", () => this.release("click"), options);
    addEventListener("click", (event) => this._onClick(event), options);
    addEventListener("blur", () => this._letGo(), { signal }); // the end of a press that began here is not heard elsewhere
  }

  /** Hears nothing more. */
  close() {
    this._stop.abort();
    this._letGo();
  }

  _letGo() {
    for (const timer of this._down.values()) clearTimeout(timer);
    this._down.clear();
  }

  /**
   * A switch went down. True where it was one that is listened for.
   * @param {Switch} name
   */
  press(name) {
    if (this._down.has(name)) return true;
    if (!this._heard(name)) return false;
    this._down.set(name, setTimeout(() => this._held(name), HELD_MS));
    return true;
  }

  /** @param {Switch} name */
  release(name) {
    clearTimeout(this._down.get(name));
    this._down.delete(name);
  }

  /** @param {KeyboardEvent} event */
  _onKey(event) {
    const isOurs = event.key === "Escape" ? this._ended() : this.press(`key:${event.key}`);
    if (isOurs) swallow(event);
  }

  /** @param {PointerEvent} event */
  _onPointer(event) {
    this._isClick = event.isTrusted && !isOwn(event) && this.press("click");
    if (this._isClick) swallow(event);
  }

  /** The click that follows a press which was taken as a switch does nothing else. @param {MouseEvent} event */
  _onClick(event) {
    if (this._isClick && event.isTrusted && event.detail > 0 && !isOwn(event)) swallow(event);
  }
}

/** Microphone that takes a loud sound as a switch. */
export class LoudSound {
  /** @param {() => void} onLoud */
  constructor(onLoud) {
    this._onLoud = onLoud;
    this._floor = LOUD / LOUDER;
    this._isLoud = false;
  }

  /** Asks for the microphone. Rejects where there is none or the user refuses it. */
  async open() {
    this._stream = await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: true, noiseSuppression: true } });
    this._context = new AudioContext(); // at the rate of the microphone, which the music's context may not have
    this._meter = new AnalyserNode(this._context, { fftSize: 1024 });
    this._context.createMediaStreamSource(this._stream).connect(this._meter);
    this._samples = new Float32Array(this._meter.fftSize);
    this._timer = setInterval(() => this._listen(), LISTEN_EVERY_MS);
  }

  close() {
    clearInterval(this._timer);
    this._stream?.getTracks().forEach((track) => track.stop());
    this._context?.close();
  }

  _listen() {
    this._meter.getFloatTimeDomainData(this._samples);
    const level = Math.sqrt(this._samples.reduce((sum, sample) => sum + sample * sample, 0) / this._samples.length);
    const isLoud = level > LOUD && level > LOUDER * this._floor;
    if (isLoud && !this._isLoud) this._onLoud();
    this._isLoud = isLoud;
    if (!isLoud) this._floor += FLOOR_PER_LOOK * (level - this._floor);
  }
}

/**
 * A switch in words.
 * @param {Switch} name
 */
export function inWords(name) {
  const [kind, ...rest] = name.split(":");
  if (kind === "click") return t("scan.click");
  if (kind === "button") return t("controls.button", { number: Number(rest[0]) + 1 });
  if (kind === "note") return t("controls.note", { number: Number(rest[1]) });
  const key = rest.join(":");
  return key === " " ? t("keys.space") : key.toUpperCase();
}

/** @param {Event} event */
const isOwn = (event) => event.target instanceof Element && event.target.closest(OWN) !== null;

/** @param {Event} event */
function swallow(event) {
  event.preventDefault();
  event.stopImmediatePropagation();
}
