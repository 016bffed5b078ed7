// Map of tastes: each is a point by how bright and how busy it sounds; the mix is a place among them. The rows beside it do the same.

import { figureOf, paintFigure } from "./figure.js";
import { t } from "../core/strings.js";

// Pixels of the page.
const POINT = 34;
const MARGIN = 46;
const NAME_WIDTH = 110;
const ASPECT = 0.72;
const NEAR = 0.12; // of the map's width: what is nearer counts in full
const SHARE_MIN = 0.1;

/** @typedef {{ id: string, name: string, character: { brightness_hz: number, onsets_per_s: number } | null }} Place */

export class TasteMap {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {(weights: Record<string, number>) => void} choose is given the mix of the place that was pressed
   */
  constructor(canvas, choose) {
    this._canvas = canvas;
    this._choose = choose;
    /** @type {(Place & { x: number, y: number, picture: HTMLCanvasElement })[]} */
    this._points = [];
    /** @type {Record<string, number>} */
    this._mix = {};
    /** @type {string | null} */
    this._goal = null;
    let isHeld = false;
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      isHeld = true;
      canvas.setPointerCapture(event.pointerId);
      this._press(event);
    });
    canvas.addEventListener("pointermove", (event) => isHeld && this._press(event));
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => (isHeld = false));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this._draw());
    new ResizeObserver(() => this._draw()).observe(canvas);
  }

  /** Size of the map in pixels of the page. */
  get _size() {
    const width = this._canvas.clientWidth;
    return { width, height: Math.round(width * ASPECT) };
  }

  /** @param {Place[]} places */
  show(places) {
    const xs = spread(places.map((place) => Math.log(place.character?.brightness_hz || 1000)));
    const ys = spread(places.map((place) => place.character?.onsets_per_s ?? 2));
    this._points = places.map((place, i) => {
      const picture = document.createElement("canvas");
      picture.width = picture.height = 2 * POINT;
      paintFigure(picture, figureOf(place.id));
      return { ...place, x: xs[i], y: 1 - ys[i], picture };
    });
    apart(this._points);
    this._draw();
  }

  /**
   * Shows a mix, and the taste at which the piece ends.
   * @param {Record<string, number>} mix strengths by taste
   * @param {string | null} goal
   */
  place(mix, goal) {
    this._mix = mix;
    this._goal = goal;
    this._draw();
  }

  /** @param {PointerEvent} event */
  _press(event) {
    const box = this._canvas.getBoundingClientRect();
    const x = (event.clientX - box.left - MARGIN) / (box.width - 2 * MARGIN);
    const y = (event.clientY - box.top - MARGIN) / (box.height - 2 * MARGIN);
    const pulls = this._points.map((point) => 1 / Math.max(NEAR, Math.hypot(point.x - x, point.y - y)) ** 3);
    const sum = pulls.reduce((one, other) => one + other, 0);
    const shares = pulls.map((pull) => (pull / sum < SHARE_MIN ? 0 : Math.round((4 * pull) / sum) / 4));
    this._choose(Object.fromEntries(this._points.map((point, i) => [point.id, shares[i]])));
  }

  /** The middle of the tastes that the mix is made of, weighted; null where there is none. */
  _centre() {
    const used = this._points.filter((point) => (this._mix[point.id] ?? 0) > 0);
    const sum = used.reduce((total, point) => total + this._mix[point.id], 0);
    if (!sum) return null;
    const mean = (/** @type {"x" | "y"} */ axis) => used.reduce((total, point) => total + point[axis] * this._mix[point.id], 0) / sum;
    return { x: mean("x"), y: mean("y") };
  }

  _draw() {
    const { width, height } = this._size;
    if (!width) return;
    const context = this._canvas.getContext("2d");
    this._canvas.width = Math.round(width * devicePixelRatio);
    this._canvas.height = Math.round(height * devicePixelRatio);
    context.scale(devicePixelRatio, devicePixelRatio);
    const style = getComputedStyle(document.documentElement);
    /** @param {string} name */
    const colour = (name) => style.getPropertyValue(name).trim();
    const probe = getComputedStyle(this._canvas);
    const [ink, soft] = [probe.color, probe.caretColor];
    /** @param {{ x: number, y: number }} at @returns {[number, number]} */
    const on = ({ x, y }) => [MARGIN + x * (width - 2 * MARGIN), MARGIN + y * (height - 2 * MARGIN)];
    context.font = `14px ${colour("--face")}`;
    context.fillStyle = soft;
    context.textAlign = "left";
    context.fillText(t("tastes.dark"), 10, height - 10);
    context.textAlign = "right";
    context.fillText(t("tastes.bright"), width - 10, height - 10);
    context.textAlign = "left";
    context.fillText(t("tastes.busy"), 10, 20);
    const centre = this._centre();
    const goal = this._points.find((point) => point.id === this._goal);
    if (centre && goal) line(context, on(centre), on(goal), ink);
    /** @type {[number, number][]} where names are */
    const taken = [];
    for (const point of this._points) {
      const [x, y] = on(point);
      context.save();
      context.beginPath();
      context.arc(x, y, POINT / 2, 0, 2 * Math.PI);
      context.clip();
      context.drawImage(point.picture, x - POINT / 2, y - POINT / 2, POINT, POINT);
      context.restore();
      context.fillStyle = ink;
      context.textAlign = "center";
      const nameX = Math.min(width - NAME_WIDTH / 2 - 4, Math.max(NAME_WIDTH / 2 + 4, x));
      const below = y + POINT / 2 + 18;
      const isFree = taken.every(([otherX, otherY]) => Math.abs(otherX - nameX) > NAME_WIDTH || Math.abs(otherY - below) > 16);
      const nameY = isFree ? below : y - POINT / 2 - 10;
      taken.push([nameX, nameY]);
      context.fillText(shorter(context, point.name, NAME_WIDTH), nameX, nameY);
    }
    if (!centre) return;
    const [x, y] = on(centre);
    context.lineWidth = 3;
    context.strokeStyle = ink;
    context.beginPath();
    context.arc(x, y, POINT / 2 + 5, 0, 2 * Math.PI);
    context.stroke();
  }
}

/**
 * The values from 0 to 1, as far apart as they are; all in the middle where they are the same.
 * @param {number[]} values
 */
function spread(values) {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  return values.map((value) => (most > least ? (value - least) / (most - least) : 0.5));
}

/**
 * Moves points that lie on one another apart, in rows.
 * @param {{ x: number, y: number }[]} points
 */
function apart(points) {
  points.forEach((point, i) => {
    for (let tries = 0; tries < 12 && points.slice(0, i).some((other) => Math.abs(point.x - other.x) < 0.28 && Math.abs(point.y - other.y) < 0.28); tries += 1) {
      point.x = (point.x + 0.3) % 1.01;
      if (tries % 3 === 2) point.y = (point.y + 0.3) % 1.01;
    }
  });
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {[number, number]} from
 * @param {[number, number]} to
 * @param {string} colour
 */
function line(context, from, to, colour) {
  context.strokeStyle = colour;
  context.lineWidth = 2;
  context.setLineDash([6, 6]);
  context.beginPath();
  context.moveTo(...from);
  context.lineTo(...to);
  context.stroke();
  context.setLineDash([]);
}

/**
 * A name that fits.
 * @param {CanvasRenderingContext2D} context
 * @param {string} name
 * @param {number} width
 */
function shorter(context, name, width) {
  let text = name;
  while (text.length > 3 && context.measureText(`${text}…`).width > width) text = text.slice(0, -1);
  return text === name ? name : `${text.trim()}…`;
}
