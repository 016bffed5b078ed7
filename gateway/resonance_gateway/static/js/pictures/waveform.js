// Waveform: a press seeks, a drag chooses a part.
// It is hidden from assistive technology; the seek slider below it has the same information.

import { byId } from "../core/dom.js";

const BAR = 4;
const GAP = 2;

const DRAG_PX = 6;
const PART_S_MIN = 1;

export class Waveform {
  /** @param {{ seek(seconds: number): void, choose(part: { fromS: number, toS: number } | null): void }} act */
  constructor({ seek, choose }) {
    this._canvas = byId("waveform");
    this._seek = seek;
    this._choose = choose;
    /** @type {{ fromS: number, toS: number } | null} */
    this._part = null;
    this._watch();
    /** @type {import("../sound/take.js").Take | null} */
    this._take = null;
    this._atS = 0;
    this._isAsked = false;
    this._drawn = ""; // what the last drawing depended on
    new ResizeObserver(() => this.draw()).observe(this._canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  /** @param {{ fromS: number, toS: number } | null} part */
  set part(part) {
    this._part = part;
    this.draw();
  }

  _watch() {
    const canvas = this._canvas;
    /** @type {{ x: number, seconds: number } | null} */
    let begun = null;
    canvas.addEventListener("pointerdown", (event) => {
      if (!this._take || event.button) return;
      begun = { x: event.clientX, seconds: this._secondsAt(event) };
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (begun && Math.abs(event.clientX - begun.x) > DRAG_PX) this._choosePart(begun.seconds, this._secondsAt(event));
    });
    canvas.addEventListener("pointerup", (event) => {
      if (begun && Math.abs(event.clientX - begun.x) <= DRAG_PX) {
        this._choose(null);
        this._seek(begun.seconds);
      }
      begun = null;
    });
    canvas.addEventListener("pointercancel", () => (begun = null));
  }

  /**
   * @param {number} one
   * @param {number} other
   */
  _choosePart(one, other) {
    const [fromS, toS] = [Math.min(one, other), Math.max(one, other)];
    if (toS - fromS >= PART_S_MIN) this._choose({ fromS, toS });
  }

  /** @param {PointerEvent} event */
  _secondsAt(event) {
    const box = this._canvas.getBoundingClientRect();
    return Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)) * this._take.durationS; // time runs to the right in every language
  }

  /**
   * @param {import("../sound/take.js").Take} take
   * @param {number} atS
   */
  set(take, atS) {
    this._take = take;
    this._atS = atS;
    this.draw();
  }

  /** Schedules one drawing before the next frame. */
  draw() {
    if (this._isAsked) return;
    this._isAsked = true;
    requestAnimationFrame(() => {
      this._isAsked = false;
      this._paint();
    });
  }

  /**
   * What the drawing depends on: while a take plays, the position is told 30 times a second and moves a bar a few times.
   * @param {number} width
   * @param {number} height
   */
  _lookOf(width, height) {
    const { _take: take, _part: part } = this;
    const style = getComputedStyle(this._canvas);
    const colors = ["--wave-played", "--wave-coming"].map((name) => style.getPropertyValue(name));
    const count = Math.floor(width / ((BAR + GAP) * (devicePixelRatio || 1)));
    const played = take ? Math.floor((this._atS / take.durationS) * count + 0.5) : 0;
    return [take?.requestId, take?.madeCount, width, height, count, played, part?.fromS, part?.toS, ...colors].join();
  }

  _paint() {
    const canvas = this._canvas;
    const scale = devicePixelRatio || 1;
    const [width, height] = [Math.round(canvas.clientWidth * scale), Math.round(canvas.clientHeight * scale)];
    if (!width) return;
    const look = this._lookOf(width, height);
    if (look === this._drawn) return;
    this._drawn = look;
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    const brush = canvas.getContext("2d");
    brush.clearRect(0, 0, width, height);
    if (this._take && this._part) {
      brush.fillStyle = "rgb(255 212 121 / 0.35)";
      brush.fillRect((this._part.fromS / this._take.durationS) * width, 0, ((this._part.toS - this._part.fromS) / this._take.durationS) * width, height);
    }
    if (!this._take) return;
    const style = getComputedStyle(canvas);
    const colors = { played: style.getPropertyValue("--wave-played"), coming: style.getPropertyValue("--wave-coming") };
    const pitch = (BAR + GAP) * scale;
    const count = Math.floor(width / pitch);
    for (let i = 0; i < count; i += 1) this._bar(brush, i, count, { pitch, height, scale, colors });
  }

  /**
   * @param {CanvasRenderingContext2D} brush
   * @param {number} i
   * @param {number} count
   * @param {{ pitch: number, height: number, scale: number, colors: { played: string, coming: string } }} look
   */
  _bar(brush, i, count, { pitch, height, scale, colors }) {
    const take = this._take;
    const made = take ? take.madeCount / take.sampleCount : 0;
    const played = take ? this._atS / take.durationS : 0;
    const share = (i + 0.5) / count;
    const size = share <= made ? Math.max(BAR * scale, peakAt(take, i, count) * height * 0.96) : BAR * scale;
    brush.fillStyle = share <= played ? colors.played : colors.coming;
    brush.globalAlpha = share <= made ? 1 : 0.45;
    brush.beginPath();
    brush.roundRect(i * pitch, (height - size) / 2, BAR * scale, size, (BAR * scale) / 2);
    brush.fill();
  }
}

/**
 * @param {import("../sound/take.js").Take} take
 * @param {number} i
 * @param {number} count
 */
function peakAt(take, i, count) {
  const from = Math.floor((i / count) * take.peaks.length);
  const to = Math.max(from + 1, Math.floor(((i + 1) / count) * take.peaks.length));
  let peak = 0;
  for (let bin = from; bin < to; bin += 1) peak = Math.max(peak, take.peaks[bin]);
  return Math.sqrt(peak); // quiet music should be seen, too
}
