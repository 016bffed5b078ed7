// Sky of a scene: gradient, stars, sun, moon, clouds, birds; and the weather before it.

import { css, mixed, randomOf } from "./words.js";

/** @typedef {import("./words.js").ScenePlan} ScenePlan */
/** @typedef {import("./words.js").Rgb} Rgb */
/** @typedef {import("./drive.js").Drive} Drive */
/** @typedef {CanvasRenderingContext2D} Context */

/** @type {Rgb} */
export const WHITE = [255, 255, 255];
/** @type {Rgb} */
const RED = [199, 31, 36];
/** @type {Record<string, number>} */
const CLOUD_SHARE = { rain: 1, snow: 0.8, mist: 0.6 };
const PARTICLES = 150;

/**
 * The look under tension: a redder sky.
 * @param {import("./words.js").Look} look
 * @param {number} tension
 */
export function tense(look, tension) {
  const share = Math.max(0, Math.min(1, tension));
  if (share < 0.02) return look;
  return { ...look, sky_low: mixed(look.sky_low, RED, 0.75 * share), sky_middle: mixed(look.sky_middle, mixed(RED, [0, 0, 0], 0.45), 0.6 * share), haze: mixed(look.haze, RED, 0.5 * share) };
}

/** @type {Map<string, HTMLCanvasElement>} pictures of light by colour */
const lights = new Map();
const [LIGHT_PX, LIGHTS_MAX] = [32, 200];

/**
 * A soft disc of light. Its picture is drawn once for a colour: gradients of each frame would cost most of its time.
 * @param {Context} context
 * @param {number} x
 * @param {number} y
 * @param {number} radius
 * @param {Rgb} colour
 * @param {number} alpha
 * @param {number} flat height for width
 */
export function glow(context, x, y, radius, colour, alpha, flat = 1) {
  if (alpha < 0.01) return;
  const before = context.globalAlpha;
  context.globalAlpha = Math.min(1, alpha);
  context.drawImage(lightOf(colour), x - radius, y - radius * flat, 2 * radius, 2 * radius * flat);
  context.globalAlpha = before;
}

/** @param {Rgb} colour in steps of eight */
function lightOf(colour) {
  const steps = /** @type {Rgb} */ (colour.map((part) => Math.min(255, 8 * Math.round(part / 8))));
  const name = css(steps);
  let light = lights.get(name);
  if (!light) {
    if (lights.size >= LIGHTS_MAX) lights.clear();
    light = document.createElement("canvas");
    light.width = light.height = 2 * LIGHT_PX;
    const context = light.getContext("2d");
    const fall = context.createRadialGradient(LIGHT_PX, LIGHT_PX, 0, LIGHT_PX, LIGHT_PX, LIGHT_PX);
    for (let at = 0; at <= 5; at += 1) fall.addColorStop(at / 5, css(steps, (1 - at / 5) ** 2.2));
    context.fillStyle = fall;
    context.fillRect(0, 0, 2 * LIGHT_PX, 2 * LIGHT_PX);
    lights.set(name, light);
  }
  return light;
}

export class SkyPainter {
  /** @param {ScenePlan} plan */
  constructor(plan) {
    this._plan = plan;
    const random = randomOf(plan.seed ^ 0x51ed270b);
    this._sunX = (random() - 0.5) * 0.6;
    this._stars = Array.from({ length: 90 }, () => [random(), random(), random(), random()]);
    this._birds = Array.from({ length: 9 }, () => [random(), random(), 0.6 + random()]);
    this._clouds = Array.from({ length: 9 }, () => ({
      x: random() * 1.5, y: random(), size: 0.6 + 0.7 * random(), speed: 0.5 + random(),
      puffs: Array.from({ length: 6 }, () => [random() * 2 - 1, 0.22 + 0.28 * random()]),
    }));
    this._drops = Array.from({ length: PARTICLES }, () => [random(), random(), random()]);
  }

  /**
   * Everything above the horizon.
   * @param {Context} context
   * @param {number} width
   * @param {number} row of the horizon
   * @param {import("./words.js").Look} look
   * @param {Drive} drive
   */
  draw(context, width, row, look, drive) {
    const { signals, seconds } = drive;
    const { weather, hues } = this._plan;
    const clear = weather === "clear" ? 1 : 0.35;
    const rich = Math.max(0, signals.hues - 0.5) * 0.8;
    const sky = context.createLinearGradient(0, 0, 0, row);
    sky.addColorStop(0, css(mixed(look.sky_top, look.haze, weather === "mist" ? 0.4 : 0)));
    sky.addColorStop(0.6, css(mixed(look.sky_middle, hues[3] ?? look.sky_middle, rich)));
    sky.addColorStop(1, css(mixed(look.sky_low, hues[2] ?? look.sky_low, rich)));
    context.fillStyle = sky;
    context.fillRect(0, 0, width, row + 1);
    for (const [x, y, size, phase] of look.stars * clear > 0.03 ? this._stars : []) {
      const twinkle = 0.65 + 0.35 * Math.sin(seconds * (1 + 2 * phase) + 9 * phase);
      context.fillStyle = css(WHITE, look.stars * clear * twinkle * (0.35 + 0.6 * size) * (1 - 0.7 * y));
      context.fillRect(x * width, y * row * 0.9, 0.7 + size, 0.7 + size);
    }
    this._drawSun(context, width, row, look, clear);
    this._drawClouds(context, width, row, look, drive);
    glow(context, width * (0.5 + this._sunX * 0.6), row, width * 0.55, look.sky_low, (0.1 + 0.3 * signals.bloom) * (0.5 + 0.5 * look.lamps), 0.3);
    this._drawBirds(context, width, row, look, drive);
  }

  /** @param {Context} context @param {number} width @param {number} row @param {import("./words.js").Look} look @param {number} clear */
  _drawSun(context, width, row, look, clear) {
    if (look.sun > -0.15) {
      const [x, y, radius] = [width * (0.5 + this._sunX), row - look.sun * row * 0.72, row * 0.09];
      glow(context, x, y, radius * 5, look.key, (0.45 - 0.15 * look.day) * (0.35 + 0.65 * clear));
      disc(context, x, y, radius, css(mixed(look.key, WHITE, 0.6), 0.35 + 0.65 * clear));
    }
    const pale = clear * (1 - 0.75 * look.day) * Math.max(0, Math.min(1, (look.moon - 0.05) / 0.4));
    if (pale > 0.05) {
      const [x, y, radius] = [width * (0.5 - this._sunX * 1.15), row * (0.16 + 0.2 * (1 - look.moon)), row * 0.07];
      glow(context, x, y, radius * 5, mixed([245, 245, 255], look.sky_middle, 0.3), 0.35 * pale);
      context.save();
      context.beginPath();
      context.arc(x, y, radius, 0, 7);
      context.clip();
      disc(context, x, y, radius, css([245, 245, 255], pale));
      disc(context, x + radius * 0.42, y - radius * 0.25, radius * 0.9, css(look.sky_top, 0.9 * pale));
      context.restore();
    }
  }

  /** @param {Context} context @param {number} width @param {number} row @param {import("./words.js").Look} look @param {Drive} drive */
  _drawClouds(context, width, row, look, { seconds, signals }) {
    const heavy = CLOUD_SHARE[this._plan.weather] ?? 0.55;
    const light = mixed(mixed(look.sky_middle, look.sky_low, 0.55), WHITE, 0.35 * look.day);
    for (const cloud of this._clouds.slice(0, Math.round(this._clouds.length * heavy))) {
      const across = ((cloud.x + seconds * 0.006 * cloud.speed * (1 + Math.abs(signals.tension)) + 0.25) % 1.5) - 0.25;
      const [scale, x, y] = [row * 0.2 * cloud.size, across * width, row * (0.12 + 0.6 * cloud.y)];
      context.fillStyle = css(light, (0.1 + 0.16 * heavy + 0.2 * look.day) * (0.5 + 0.5 * cloud.y));
      context.beginPath();
      context.ellipse(x, y, scale * 1.35, scale * 0.12, 0, 0, 7);
      for (const [at, radius] of cloud.puffs) {
        context.moveTo(x + at * scale, y);
        context.arc(x + at * scale, y - radius * scale * 0.3, radius * scale * 0.6 * (1.15 - 0.6 * Math.abs(at)), 0, 7);
      }
      context.fill();
    }
  }

  /** @param {Context} context @param {number} width @param {number} row @param {import("./words.js").Look} look @param {Drive} drive */
  _drawBirds(context, width, row, look, { seconds, signals }) {
    if (look.day < 0.15) return;
    context.strokeStyle = css(mixed(look.dark, look.sky_middle, 0.2));
    context.lineWidth = 1.1;
    for (const [x, y, size] of this._birds.slice(0, Math.round(signals.crowd * this._birds.length))) {
      const [px, py, wing] = [((x + seconds * 0.012 * size) % 1.2) * width - 0.1 * width, row * (0.2 + 0.45 * y), row * 0.022 * size];
      const flap = 0.6 * Math.sin(seconds * 7 * size + 9 * x);
      context.beginPath();
      context.moveTo(px - 1.5 * wing, py - wing * flap);
      context.quadraticCurveTo(px - 0.6 * wing, py - 0.5 * wing, px, py);
      context.quadraticCurveTo(px + 0.6 * wing, py - 0.5 * wing, px + 1.5 * wing, py - wing * flap);
      context.stroke();
    }
  }

  /**
   * Rain, snow or mist before everything.
   * @param {Context} context
   * @param {number} width
   * @param {number} height
   * @param {import("./words.js").Look} look
   * @param {Drive} drive
   */
  drawWeather(context, width, height, look, { seconds, signals, way }) {
    const { weather } = this._plan;
    if (weather === "mist") {
      const veil = context.createLinearGradient(0, height * 0.35, 0, height);
      veil.addColorStop(0, css(look.haze, 0));
      veil.addColorStop(0.55, css(look.haze, 0.4));
      veil.addColorStop(1, css(look.haze, 0.12));
      context.fillStyle = veil;
      context.fillRect(0, 0, width, height);
    }
    if (weather !== "rain" && weather !== "snow") return;
    const isRain = weather === "rain";
    const wind = 0.12 + 0.35 * Math.max(0, signals.tension);
    const shown = Math.round(PARTICLES * (0.5 + 0.5 * signals.sparkle));
    context.strokeStyle = css(mixed(look.haze, WHITE, 0.5), isRain ? 0.28 : 0.85);
    context.lineCap = "round";
    context.lineWidth = isRain ? 1 : 2.2;
    context.beginPath();
    for (const [x, y, depth] of this._drops.slice(0, shown)) {
      const fall = (y + seconds * (isRain ? 1.5 : 0.16) * (0.6 + depth)) % 1.05;
      const drift = x + fall * wind + (isRain ? 0 : 0.02 * Math.sin(seconds * 1.3 + 20 * depth)) - way * 0.01 * depth;
      const [px, py] = [(((drift % 1) + 1) % 1) * width, fall * height];
      context.moveTo(px, py);
      context.lineTo(px + (isRain ? wind * 9 : 0.1), py + (isRain ? 9 * (0.6 + depth) : 0.1));
    }
    context.stroke();
  }
}

/** @param {Context} context @param {number} x @param {number} y @param {number} radius @param {string} style */
export function disc(context, x, y, radius, style) {
  context.fillStyle = style;
  context.beginPath();
  context.arc(x, y, radius, 0, 7);
  context.fill();
}
