// Places of a scene: rows of silhouettes by depth, drawn once and moved; the ground; what stands near.

import { disc, glow } from "./sky.js";
import { css, mixed, randomOf } from "./words.js";

/** @typedef {import("./words.js").ScenePlan} ScenePlan */
/** @typedef {import("./words.js").Look} Look */
/** @typedef {import("./words.js").Rgb} Rgb */
/** @typedef {import("./drive.js").Drive} Drive */
/** @typedef {CanvasRenderingContext2D} Context */
/**
 * @typedef {{ depth: number, haze: number, period: number, body: Path2D, windows: Path2D[], signs: [number, number, number, number, number][] }} Row
 *   in metres, with y = 0 at the horizon and upwards negative; windows burn in four groups
 */
/** @typedef {{ depth: number, period: number, body: HTMLCanvasElement, lights: HTMLCanvasElement[], row: Row }} Tile */

const GROUPS = 4;
const [WARM, COLD] = /** @type {Rgb[]} */ ([[255, 209, 133], [199, 219, 255]]);
const [ABOVE, BELOW] = [4.2, 1.4]; // metres of a tile above and below the horizon
/** Metres between the horizon and the feet of the figure. */
export const FEET = 0.72;

/** @type {Record<string, (random: () => number) => Row[]>} from far to near */
const ROWS = {
  city: (random) => [towers(random, 0.12, 0.74, 9, [0.7, 1.9], 0), towers(random, 0.26, 0.42, 10, [0.8, 2.3], 0.4), towers(random, 0.48, 0.1, 12, [0.9, 2.7], 0.85)],
  rooftop: (random) => [towers(random, 0.1, 0.74, 9, [0.5, 1.5], 0), towers(random, 0.2, 0.45, 10, [0.4, 1.7], 0.3), towers(random, 0.34, 0.15, 12, [0.2, 1.2], 0.5)],
  room: (random) => [towers(random, 0.12, 0.6, 9, [0.7, 1.9], 0), towers(random, 0.24, 0.25, 10, [0.5, 1.8], 0.5)],
  forest: (random) => [ridge(random, 0.06, 0.78, 0.9), firs(random, 0.16, 0.6, 8, [0.9, 1.7], 0.3), firs(random, 0.32, 0.32, 9, [1.2, 2.4], 0.42), firs(random, 0.55, 0.06, 11, [1.8, 3.6], 0.75)],
  shore: (random) => [ridge(random, 0.05, 0.72, 0.7), ridge(random, 0.12, 0.45, 0.42)],
  road: (random) => [ridge(random, 0.05, 0.72, 1.9), ridge(random, 0.12, 0.45, 1.2), ridge(random, 0.26, 0.15, 0.55), firs(random, 0.5, 0.05, 14, [0.4, 0.9], 2.2)],
  sky: (random) => [heaps(random, 0.08, 0.8, 0.5), heaps(random, 0.2, 0.5, 0.42), heaps(random, 0.42, 0.2, 0.3)],
};

export class PlacePainter {
  /** @param {ScenePlan} plan */
  constructor(plan) {
    this._plan = plan;
    const random = randomOf(plan.seed ^ 0x2545f491);
    this._rows = ROWS[plan.place](random);
    this._glints = Array.from({ length: 70 }, () => [random(), random() ** 1.6, random(), random()]);
    /** @type {Tile[]} */
    this._tiles = [];
    this._scale = 0;
    this._mirrored = document.createElement("canvas");
  }

  /** Pixels per metre, for which the tiles are drawn anew. @param {number} scale @param {Look} look */
  fit(scale, look) {
    if (scale === this._scale) return;
    this._scale = scale;
    this._tiles = this._rows.map((row) => drawTile(row, scale, look, this._plan.place));
  }

  /**
   * The rows of silhouettes.
   * @param {Context} context
   * @param {number} width
   * @param {number} row of the horizon
   * @param {Look} look
   * @param {Drive} drive
   */
  drawRows(context, width, row, look, drive) {
    const { signals, way } = drive;
    this._tiles.forEach(({ depth, period, body, lights, row: shapes }, number) => {
      const pixels = period * this._scale;
      const first = -((((way * depth) % period) + period) % period) * this._scale;
      const top = row - ABOVE * this._scale;
      for (let left = first; left < width; left += pixels) {
        context.drawImage(body, left, top);
        lights.forEach((light, group) => {
          context.globalAlpha = Math.min(1, look.lamps * (0.08 + 0.92 * clamped(signals.lights * GROUPS * 1.15 - group)));
          if (context.globalAlpha > 0.02) context.drawImage(light, left, top);
        });
        context.globalAlpha = 1;
        if (look.lamps > 0.2) this._drawSigns(context, shapes, left, row, look, drive);
      }
      if (this._plan.place !== "sky") glow(context, width * (0.3 + 0.2 * number), row, width * 0.5, mixed(this._hue(number, signals.hues), look.haze, 0.5), look.lamps * (0.06 + 0.14 * signals.lights), 0.28);
    });
  }

  /** @param {Context} context @param {Row} shapes @param {number} left @param {number} row @param {Look} look @param {Drive} drive */
  _drawSigns(context, { signs, period }, left, row, look, { signals, step }) {
    for (const [x, y, wide, high, group] of signs) {
      const colour = this._hue(group + Math.floor(step / 4), signals.hues);
      const strength = look.lamps * clamped(signals.lights * 1.5 - 0.18 * (group % 4)) * (0.55 + 0.45 * signals.sparkle);
      const [px, py, w, h] = [left + (x + period / 2) * this._scale, row + y * this._scale, wide * this._scale, high * this._scale];
      glow(context, px + w / 2, py + h / 2, h * 1.1, colour, 0.45 * strength, 1.1);
      context.fillStyle = css(mixed(colour, [255, 255, 255], 0.35), 0.12 + 0.85 * strength);
      const letters = Math.max(2, Math.round(high / 0.13));
      for (let letter = 0; letter < letters; letter += 1) context.fillRect(px, py + (h * letter) / letters, w, (h / letters) * 0.72);
    }
  }

  /**
   * The ground, which mirrors what stands above it where it is wet or water.
   * @param {Context} context
   * @param {number} width
   * @param {number} height
   * @param {number} row of the horizon
   * @param {Look} look
   * @param {Drive} drive
   */
  drawGround(context, width, height, row, look, drive) {
    const { place, weather } = this._plan;
    if (place === "sky") return this._drawCloudFloor(context, width, height, row, look, drive);
    const isWater = place === "shore";
    const ground = context.createLinearGradient(0, row, 0, height);
    const bare = place === "forest" ? mixed(look.ground, look.dark, 0.5) : look.ground;
    const isSnow = weather === "snow" && !isWater;
    const base = isSnow ? mixed(bare, mixed([255, 255, 255], look.sky_middle, 0.45), 0.5) : bare;
    ground.addColorStop(0, css(mixed(look.haze, base, isWater ? 0.25 : 0.55)));
    ground.addColorStop(0.3, css(isWater ? mixed(look.sky_middle, look.dark, 0.35) : base));
    ground.addColorStop(1, css(mixed(base, [0, 0, 0], 0.35)));
    context.fillStyle = ground;
    context.fillRect(0, row, width, height - row);
    const isWet = isWater || weather === "rain" || (place === "city" && look.lamps > 0.5);
    if (isWet || (place === "city" && !isSnow)) this._mirror(context, width, height, row, (isWater ? 0.75 : 0.6) * (isWet ? 1 : 0.3), drive);
    if (isWater) this._drawShore(context, width, height, row, look, drive);
    if (place === "road") this._drawRoad(context, width, height, row, look, drive);
    if (place === "rooftop") this._drawParapet(context, width, height, row, look, drive);
    return undefined;
  }

  /**
   * Lamps, poles and lights near the figure; indoors the wall around the window.
   * @param {Context} context
   * @param {number} width
   * @param {number} height
   * @param {number} row
   * @param {Look} look
   * @param {Drive} drive
   */
  drawNear(context, width, height, row, look, drive) {
    const { place } = this._plan;
    const m = this._scale;
    const feet = row + FEET * m;
    if (place === "city" || place === "road") {
      const every = (place === "city" ? 5.2 : 8) * m;
      const first = -((((drive.way * m) % every) + every) % every) + 1.4 * m;
      for (let x = first - every; x < width + every; x += every) lamp(context, x, feet - 0.12 * m, m, look, drive, place === "city");
    }
    if (place === "forest") {
      for (const [x, y, size, phase] of this._glints.slice(0, Math.round(60 * look.lamps * drive.signals.sparkle) + 6)) {
        const [px, py] = [(((x + 0.02 * Math.sin(drive.seconds * 0.7 + 9 * phase) - drive.way * 0.02) % 1) + 1) % 1, row - (0.1 + 1.5 * y) * m + 6 * Math.sin(drive.seconds + 20 * phase)];
        glow(context, px * width, py, (1.5 + 4 * size) * (m / 40), this._hue(Math.floor(phase * 3), drive.signals.hues), 0.75 * (0.4 + 0.6 * Math.sin(drive.seconds * 1.3 + 30 * phase) ** 2));
      }
    }
    if (place === "room") this._drawWall(context, width, height, row, look, drive);
  }

  /**
   * What stands above the horizon, upside down and in rippling strips.
   * @param {Context} context
   * @param {number} width
   * @param {number} height
   * @param {number} row
   * @param {number} strength
   * @param {Drive} drive
   */
  _mirror(context, width, height, row, strength, { seconds, signals }) {
    const [bands, squeeze, half] = [12, 0.62, this._mirrored];
    const tall = Math.min(row, Math.ceil((height - row) / squeeze));
    Object.assign(half, { width: Math.ceil(width / 2), height: Math.ceil(tall / 2) }); // half as fine: it ripples
    half.getContext("2d").drawImage(context.canvas, 0, row - tall, width, tall, 0, 0, half.width, half.height);
    context.save();
    for (let band = 0; band < bands; band += 1) {
      const [first, last] = [(band / bands) ** 1.25, ((band + 1) / bands) ** 1.25];
      const [top, bottom] = [row + (height - row) * first, row + (height - row) * last + 0.8];
      const [from, to] = [tall - (bottom - row) / squeeze, tall - (top - row) / squeeze];
      if (from < 0) break;
      context.globalAlpha = strength * (1 - 0.75 * first);
      context.setTransform(1, 0, 0, -1, Math.sin(seconds * 2.2 + band * 1.15) * (0.6 + 7 * signals.ripple) * (0.25 + first), top + bottom);
      context.drawImage(half, 0, from / 2, half.width, Math.max(1, (to - from) / 2), 0, top, width, bottom - top);
    }
    context.restore();
  }

  /** @param {Context} context @param {number} width @param {number} height @param {number} row @param {Look} look @param {Drive} drive */
  _drawShore(context, width, height, row, look, { signals, seconds }) {
    const beach = height - 0.36 * (height - row);
    for (const [x, y, size, phase] of this._glints) {
      const py = row + y * (beach - row);
      context.fillStyle = css(mixed(look.key, [255, 255, 255], 0.4), (0.12 + 0.5 * signals.sparkle) * (0.5 + 0.5 * Math.sin(seconds * 2.2 + 40 * phase)) * (1 - 0.6 * Math.abs(x - 0.5)));
      context.fillRect(x * width, py, (3 + 14 * size) * (0.3 + y), 1);
    }
    context.fillStyle = css(mixed(look.ground, look.haze, 0.18));
    context.beginPath();
    context.moveTo(0, height);
    for (let x = 0; x <= width; x += 12) context.lineTo(x, beach + 4 * Math.sin(x * 0.012 + 2) + (2 + 4 * signals.ripple) * Math.sin(seconds * 0.7 + x * 0.006));
    context.lineTo(width, height);
    context.fill();
    context.strokeStyle = css([255, 255, 255], 0.35 + 0.3 * look.day);
    context.lineWidth = 1.6;
    context.beginPath();
    for (let x = 0; x <= width; x += 12) context.lineTo(x, beach + 4 * Math.sin(x * 0.012 + 2) + (2 + 4 * signals.ripple) * Math.sin(seconds * 0.7 + x * 0.006));
    context.stroke();
  }

  /** @param {Context} context @param {number} width @param {number} height @param {number} row @param {Look} look @param {Drive} drive */
  _drawRoad(context, width, height, row, look, { way }) {
    const [top, every] = [row + 0.45 * (height - row), 2.4 * this._scale];
    context.fillStyle = css(mixed(look.dark, look.ground, 0.35));
    context.fillRect(0, top, width, height - top);
    context.fillStyle = css(mixed(look.key, [255, 255, 255], 0.3), 0.55);
    const first = -((((way * this._scale) % every) + every) % every);
    for (let x = first; x < width; x += every) context.fillRect(x, top + 0.62 * (height - top), every * 0.45, Math.max(1.5, 0.05 * this._scale));
  }

  /** @param {Context} context @param {number} width @param {number} height @param {number} row @param {Look} look @param {Drive} drive */
  _drawParapet(context, width, height, row, look, { way }) {
    const top = row + 0.2 * this._scale;
    context.fillStyle = css(mixed(look.dark, look.ground, 0.3));
    context.fillRect(0, top, width, height - top);
    context.fillStyle = css(mixed(look.ground, look.haze, 0.3));
    context.fillRect(0, top, width, Math.max(2, 0.05 * this._scale));
    const every = 3.1 * this._scale;
    for (let x = -((((way * this._scale) % every) + every) % every); x < width; x += every) context.fillRect(x, top, 1, height - top);
  }

  /** @param {Context} context @param {number} width @param {number} height @param {number} row @param {Look} look @param {Drive} drive */
  _drawCloudFloor(context, width, height, row, look, { seconds, way }) {
    const light = mixed(mixed(look.sky_low, [255, 255, 255], 0.35), look.haze, 0.25);
    for (let layer = 0; layer < 3; layer += 1) {
      context.fillStyle = css(mixed(light, look.sky_middle, 0.45 - 0.18 * layer), 0.75);
      context.beginPath();
      context.moveTo(0, height);
      const [top, size] = [row + (0.28 + 0.17 * layer) * this._scale, (0.55 + 0.25 * layer) * this._scale];
      const shift = (way * this._scale * (0.5 + 0.2 * layer) + seconds * 3) % (2 * size);
      for (let x = -shift - size; x < width + 2 * size; x += size) context.arc(x, top + size * 0.5, size * 0.72, Math.PI, 0);
      context.lineTo(width, height);
      context.fill();
    }
  }

  /** @param {Context} context @param {number} width @param {number} height @param {number} row @param {Look} look @param {Drive} drive */
  _drawWall(context, width, height, row, look, { signals }) {
    const m = this._scale;
    const [left, right, top, sill] = [width * 0.2, width * 0.8, height * 0.08, row - 0.12 * m];
    const wall = mixed(mixed(look.dark, WARM, 0.12 + 0.1 * signals.lights), [0, 0, 0], 0.25);
    context.fillStyle = css(wall);
    context.beginPath();
    context.rect(0, 0, width, height);
    context.rect(left, sill, right - left, top - sill);
    context.fill("evenodd");
    context.fillStyle = css(mixed(wall, [0, 0, 0], 0.4));
    context.fillRect(0, row + 0.5 * m, width, height);
    context.fillStyle = css(mixed(wall, WARM, 0.25));
    context.fillRect(left - 6, sill, right - left + 12, Math.max(3, 0.07 * m));
    for (const share of [1 / 3, 2 / 3]) context.fillRect(left + (right - left) * share - 1.5, top, 3, sill - top);
    const [x, y] = [width * 0.1, row - 0.55 * m];
    glow(context, x, y, 2.6 * m, WARM, 0.3 + 0.35 * signals.lights);
    context.fillStyle = css(mixed(WARM, [255, 255, 255], 0.4), 0.6 + 0.4 * signals.lights);
    context.beginPath();
    context.moveTo(x - 0.16 * m, y + 0.16 * m);
    context.lineTo(x + 0.16 * m, y + 0.16 * m);
    context.lineTo(x + 0.09 * m, y - 0.12 * m);
    context.lineTo(x - 0.09 * m, y - 0.12 * m);
    context.fill();
    context.fillStyle = css(mixed(wall, [0, 0, 0], 0.5));
    context.fillRect(x - 1, y + 0.16 * m, 2, row + 0.6 * m - y);
  }

  /** @param {number} index @param {number} hues @returns {Rgb} */
  _hue(index, hues) {
    const lights = this._plan.hues.slice(1);
    return lights[index % (1 + Math.round(hues * (lights.length - 1)))];
  }
}

/** @param {Row} row @param {number} scale @param {Look} look @param {string} place @returns {Tile} */
function drawTile(row, scale, look, place) {
  const dark = mixed(mixed(place === "sky" ? mixed(look.sky_low, [255, 255, 255], 0.25) : look.dark, look.haze, row.haze), look.sky_middle, 0.25 * row.haze);
  /** @param {Path2D} path @param {Rgb} colour */
  const draw = (path, colour) => {
    const canvas = document.createElement("canvas");
    Object.assign(canvas, { width: Math.ceil(row.period * scale) + 1, height: Math.ceil((ABOVE + BELOW) * scale) });
    const context = canvas.getContext("2d");
    context.setTransform(scale, 0, 0, scale, (row.period / 2) * scale, ABOVE * scale);
    context.fillStyle = css(colour);
    context.fill(path);
    return canvas;
  };
  const shade = mixed(dark, [0, 0, 0], 0.25);
  const lights = row.windows.map((path, group) => draw(path, mixed(shade, group % 2 ? COLD : WARM, 1 - 0.35 * row.haze)));
  return { depth: row.depth, period: row.period, body: draw(row.body, dark), lights, row };
}

/** @param {Context} context @param {number} x @param {number} y @param {number} m @param {Look} look @param {Drive} drive @param {boolean} isLit */
function lamp(context, x, y, m, look, { signals }, isLit) {
  context.strokeStyle = css(mixed(look.dark, [0, 0, 0], 0.3));
  context.lineWidth = Math.max(1, 0.045 * m);
  context.beginPath();
  context.moveTo(x, y);
  context.lineTo(x, y - 2.3 * m);
  if (isLit) context.lineTo(x + 0.4 * m, y - 2.38 * m);
  else for (const at of [2.2, 2.02]) context.rect(x - 0.22 * m, y - at * m, 0.44 * m, 0.01 * m); // a pole of wires
  context.stroke();
  const on = isLit ? look.lamps * (0.35 + 0.65 * signals.lights) : 0;
  if (on < 0.05) return;
  glow(context, x + 0.4 * m, y - 2.34 * m, 0.9 * m, WARM, 0.5 * on);
  disc(context, x + 0.4 * m, y - 2.34 * m, 0.05 * m, css([255, 240, 205], on));
  glow(context, x + 0.4 * m, y, 1.1 * m, WARM, 0.26 * on, 0.16);
}

/**
 * @param {() => number} random
 * @param {number} depth
 * @param {number} haze
 * @param {number} period
 * @param {[number, number]} heights
 * @param {number} signShare
 * @returns {Row}
 */
function towers(random, depth, haze, period, [low, high], signShare) {
  const [body, windows] = [new Path2D(), Array.from({ length: GROUPS }, () => new Path2D())];
  /** @type {Row["signs"]} */
  const signs = [];
  const cell = 0.09 + 0.16 * depth;
  for (let x = -period / 2; x < period / 2 - 0.2; ) {
    const wide = Math.min((0.35 + 1.1 * depth) * (1 + random()), period / 2 - x);
    const tall = (low + (high - low) * random()) * (0.75 + 0.5 * random() ** 2);
    body.rect(x, -tall, wide + 0.01, tall + BELOW);
    const kind = random();
    if (kind < 0.2) {
      body.moveTo(x, -tall);
      body.lineTo(x + wide / 2, -tall - 0.45 * wide);
      body.lineTo(x + wide, -tall);
    } else if (kind < 0.5) {
      body.rect(x + 0.22 * wide, -tall - 0.25 * wide, 0.56 * wide, 0.26 * wide);
      body.rect(x + wide / 2 - 0.012, -tall - 0.7 * wide, 0.024, 0.7 * wide);
    }
    const columns = Math.max(1, Math.floor(wide / cell) - 1);
    const margin = (wide - columns * cell) / 2;
    for (let floor = 0; floor < Math.floor(tall / (cell * 1.15)); floor += 1) {
      const busy = random();
      for (let column = 0; column < columns; column += 1) {
        if (random() > 0.3 + 0.3 * busy) continue;
        const group = Math.floor(GROUPS * Math.sqrt(random()) * 0.999);
        windows[group].rect(x + margin + column * cell + cell * 0.22, -tall + cell * (0.45 + floor * 1.15), cell * 0.5, cell * 0.55);
      }
    }
    if (random() < signShare) signs.push([x + wide * (0.2 + 0.5 * random()), -tall * (0.5 + 0.25 * random()), 0.09, Math.min(0.8, 0.35 * tall), Math.floor(8 * random())]);
    x += wide + [0, 0.02, 0.12][Math.floor(3 * random())];
  }
  return { depth, haze, period, body, windows, signs };
}

/** @param {() => number} random @param {number} depth @param {number} haze @param {number} period @param {[number, number]} heights @param {number} gap @returns {Row} */
function firs(random, depth, haze, period, [low, high], gap) {
  const body = new Path2D();
  for (let x = -period / 2 + 0.3; x < period / 2 - 0.3; x += gap * (0.6 + 0.8 * random())) {
    const tall = low + (high - low) * random();
    const wide = tall * (0.16 + 0.05 * random());
    body.rect(x - 0.025 * tall, -0.2 * tall, 0.05 * tall, 0.2 * tall + 0.1);
    for (let tier = 0; tier < 5; tier += 1) {
      const [top, foot, half] = [-tall * (1 - 0.17 * tier), -tall * (0.7 - 0.172 * tier), wide * (0.32 + 0.17 * tier)];
      body.moveTo(x, top);
      body.lineTo(x + half, foot);
      body.lineTo(x - half, foot);
    }
  }
  body.rect(-period / 2, -0.05, period, BELOW);
  return { depth, haze, period, body, windows: [], signs: [] };
}

/** @param {() => number} random @param {number} depth @param {number} haze @param {number} height @returns {Row} */
function ridge(random, depth, haze, height) {
  const [body, period] = [new Path2D(), 14];
  const waves = Array.from({ length: 6 }, (_, index) => [random() * 6.3, (0.5 + 0.5 * random()) / (index + 1)]);
  body.moveTo(-period / 2, BELOW);
  for (let x = -period / 2; x <= period / 2 + 0.05; x += 0.08) {
    const level = waves.reduce((sum, [phase, size], index) => sum + size * Math.sin((2 * Math.PI * (index + 1) * x) / period + phase), 0);
    body.lineTo(x, -height * (0.5 + 0.28 * level + 0.06 * Math.abs(Math.sin(9 * x + waves[0][0]))));
  }
  body.lineTo(period / 2, BELOW);
  return { depth, haze, period, body, windows: [], signs: [] };
}

/** @param {() => number} random @param {number} depth @param {number} haze @param {number} height @returns {Row} */
function heaps(random, depth, haze, height) {
  const [body, period] = [new Path2D(), 10];
  for (let x = -period / 2; x < period / 2; x += 0.5) {
    const radius = height * (0.5 + 0.9 * random());
    body.moveTo(x, 0);
    body.arc(x + 0.25, 0.1, radius, 0, 7);
  }
  body.rect(-period / 2, 0, period, BELOW);
  return { depth, haze, period, body, windows: [], signs: [] };
}

/** @param {number} value */
const clamped = (value) => Math.min(1, Math.max(0, value));
