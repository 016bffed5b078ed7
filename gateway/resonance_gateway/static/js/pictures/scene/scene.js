// Scene: the live picture of a piece. The video service's worlds in a form that a page can draw while music plays.

import { getScenes } from "../../core/api.js";
import { Drive } from "./drive.js";
import { FEET, PlacePainter } from "./places.js";
import { SkyPainter, tense } from "./sky.js";
import { drawWalker } from "./walker.js";
import { planScene } from "./words.js";

/** @typedef {import("./words.js").SceneTables} SceneTables */

const [METRES, HORIZON] = [3.9, 0.74]; // height of the picture, and where in it the horizon lies
const STILL_S = 0.5;
/** @type {Promise<SceneTables> | null} */
let loading = null;

/** The tables of words and lights, fetched once. Rejects where they cannot be had; the next call tries again. */
export function loadTables() {
  loading ??= getScenes();
  loading.catch(() => {
    loading = null;
  });
  return loading;
}

export class Scene {
  /**
   * @param {SceneTables} tables
   * @param {string} text words of the piece
   * @param {number} seed
   */
  constructor(tables, text, seed) {
    this.plan = planScene(tables, text, seed);
    this.drive = new Drive();
    this._sky = new SkyPainter(this.plan);
    this._place = new PlacePainter(this.plan);
    this._lastMs = 0;
  }

  /**
   * Moves the drive on to a time.
   * @param {number} nowMs
   * @param {import("./drive.js").Heard} heard
   * @param {SliderValues} sliders
   * @param {number | null} bpm
   */
  advance(nowMs, heard, sliders, bpm) {
    const frameS = this._lastMs ? Math.min(STILL_S, (nowMs - this._lastMs) / 1000) : 0;
    this._lastMs = nowMs;
    this.drive.advance(frameS, heard, sliders, bpm);
  }

  /** Stops the clock: the next `advance` goes on from where it was. */
  rest() {
    this._lastMs = 0;
  }

  /**
   * Draws the picture at the canvas' own size.
   * @param {HTMLCanvasElement} canvas
   * @param {number} inset rows at the foot that something else covers
   */
  paint(canvas, inset = 0) {
    const { width, height } = canvas;
    if (!width || !height) return;
    const context = canvas.getContext("2d");
    const { drive, plan } = this;
    const shown = Math.max(height / 3, height - inset);
    const [scale, row] = [shown / METRES, Math.round(shown * HORIZON)];
    const look = tense(plan.look, drive.signals.tension);
    this._place.fit(scale, plan.look);
    this._sky.draw(context, width, row, look, drive);
    this._place.drawRows(context, width, row, look, drive);
    this._place.drawGround(context, width, height, row, look, drive);
    this._place.drawNear(context, width, height, row, look, drive);
    this._drawFigure(context, width, row, scale, look);
    if (plan.place !== "room") this._sky.drawWeather(context, width, height, look, drive);
  }

  /** @param {CanvasRenderingContext2D} context @param {number} width @param {number} row @param {number} scale @param {import("./words.js").Look} look */
  _drawFigure(context, width, row, scale, look) {
    const { drive, plan } = this;
    context.save();
    context.translate(width * 0.5, row + FEET * scale);
    context.scale(scale, scale);
    drawWalker(context, {
      step: drive.step, isWalking: plan.place !== "room", wind: 0.15 + 0.5 * Math.max(0, drive.signals.tension), seconds: drive.seconds,
      coat: plan.hues[(plan.seed >>> 9) % 2 ? 3 : 2], accent: plan.hues[1], dark: look.dark, light: look.key, lit: drive.signals.lights,
    });
    context.restore();
  }
}
