// Drive: sound and sliders as a picture needs them. What makes a picture lighter changes slowly, so that nothing flashes.

/**
 * @typedef {{ lights: number, bloom: number, ripple: number, sparkle: number, hues: number, crowd: number, tension: number, pace: number,
 *   beat: number }} Signals each from 0 to 1, but tension (-1 to 1) and pace (0.4 to 2)
 */
/** @typedef {{ level: number, low: number, high: number }} Heard each from 0 to 1 */

const SLEW_PER_S = 1.6; // as the video service: two full swings a second stay below three flashes
const BEAT_S = 0.18;
const ONSET_APART_S = 0.22;
const STEPS_PER_S = 1.25;

export class Drive {
  constructor() {
    /** @type {Signals} */
    this.signals = { lights: 0.35, bloom: 0.2, ripple: 0.3, sparkle: 0.2, hues: 0.5, crowd: 0.35, tension: 0, pace: 0.7, beat: 0 };
    this.way = 0; // metres walked
    this.step = 0; // cycles of two steps
    this.seconds = 0;
    this._slow = 0;
    this._sinceOnsetS = 1;
  }

  /**
   * Moves on by a frame.
   * @param {number} frameS
   * @param {Heard} heard
   * @param {SliderValues} sliders what steers the sound that is heard now, each from -1 to 1
   * @param {number | null} bpm
   */
  advance(frameS, heard, sliders, bpm) {
    const now = this.signals;
    /** @param {number} before @param {number} goal @param {number} perS */
    const slewed = (before, goal, perS = SLEW_PER_S) => before + Math.max(-perS * frameS, Math.min(perS * frameS, clamped(goal) - before));
    const soft = 1 - Math.exp(-frameS / 0.5);
    const energy = sliders.energy || 0;
    this._sinceOnsetS += frameS;
    if (heard.level > 0.04 && heard.level > 1.35 * this._slow && this._sinceOnsetS > ONSET_APART_S) this._sinceOnsetS = 0;
    this._slow += (heard.level - this._slow) * (1 - Math.exp(-frameS / 0.25));
    now.lights = slewed(now.lights, 0.12 + 0.75 * heard.level + 0.4 * energy, 0.8);
    now.bloom = slewed(now.bloom, 0.15 + 0.55 * heard.low + 0.4 * (sliders.bass_resonance || 0));
    now.ripple = slewed(now.ripple, 0.25 + 0.55 * heard.low + 0.5 * (sliders.bass_resonance || 0));
    now.sparkle = slewed(now.sparkle, 0.15 + 0.85 * heard.high);
    now.hues += soft * (clamped(0.5 + 0.5 * (sliders.harmonic_complexity || 0)) - now.hues);
    now.crowd += soft * (clamped(0.35 + 0.5 * (sliders.instrument_density || 0) + 0.25 * energy) - now.crowd);
    now.tension += soft * ((sliders.emotional_tension || 0) - now.tension);
    now.pace += soft * (Math.min(2, Math.max(0.4, 0.6 + 0.8 * heard.level + 0.5 * energy)) - now.pace);
    now.beat = Math.exp(-this._sinceOnsetS / BEAT_S);
    const cycles = (frameS * stepsPerS(bpm, sliders.tempo || 0)) / 2;
    this.step += cycles;
    this.way += cycles * 1.5;
    this.seconds += frameS;
  }
}

/**
 * Steps in a second: one on each beat where that is a walk.
 * @param {number | null} bpm
 * @param {number} tempo the slider
 */
export function stepsPerS(bpm, tempo) {
  if (!bpm) return STEPS_PER_S * (1 + 0.3 * tempo);
  const perS = bpm / 60;
  return perS < 0.95 ? 2 * perS : perS > 2.45 ? perS / 2 : perS;
}

/** @param {number} value */
const clamped = (value) => Math.min(1, Math.max(0, value));
