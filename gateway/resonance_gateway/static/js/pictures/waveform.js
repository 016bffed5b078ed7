// Waveform picture.
// It is hidden from assistive technology; the seek slider below it has the same information.

import { byId } from "../core/dom.js";

const BAR = 4;
const GAP = 2;

export class Waveform {
  constructor() {
    this._canvas = byId("waveform");
    /** @type {import("../sound/take.js").Take | null} */
    this._take = null;
    this._atS = 0;
    this._isAsked = false;
    new ResizeObserver(() => this.draw()).observe(this._canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
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

  _paint() {
    const canvas = this._canvas;
    const scale = devicePixelRatio || 1;
    const [width, height] = [Math.round(canvas.clientWidth * scale), Math.round(canvas.clientHeight * scale)];
    if (!width) return;
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    const brush = canvas.getContext("2d");
    brush.clearRect(0, 0, width, height);
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
