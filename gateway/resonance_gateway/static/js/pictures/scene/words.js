// Words of a piece as a place, an hour, a weather and a palette. The tables are the video service's (static/scenes.json).

/** @typedef {[number, number, number]} Rgb sRGB, each from 0 to 255 */
/**
 * @typedef {{ sky_top: Rgb, sky_middle: Rgb, sky_low: Rgb, haze: Rgb, dark: Rgb, ground: Rgb, key: Rgb,
 *   lamps: number, stars: number, sun: number, moon: number, day: number }} Look
 */
/**
 * @typedef {{ places: Record<string, string>, hours: Record<string, string>, weathers: Record<string, string>, moods: Record<string, string>, usual_hours: Record<string, string>,
 *   palettes: Record<string, Rgb[]>, looks: Record<string, Record<string, Look>> }} SceneTables
 */
/** @typedef {{ place: string, hour: string, weather: string, look: Look, hues: Rgb[], seed: number }} ScenePlan */

const PLACES = ["city", "road", "forest", "shore", "rooftop", "sky", "room"];

/**
 * The plan of a piece's picture. What the words leave open comes from the seed.
 * @param {SceneTables} tables
 * @param {string} text
 * @param {number} seed
 * @returns {ScenePlan}
 */
export function planScene(tables, text, seed) {
  const words = text.toLowerCase().match(/[\p{L}']+/gu) ?? [];
  /** @param {Record<string, string>} table */
  const read = (table) => table[words.find((word) => Object.hasOwn(table, word)) ?? ""];
  const mood = read(tables.moods) ?? Object.keys(tables.palettes)[seed % Object.keys(tables.palettes).length];
  const place = read(tables.places) ?? PLACES[(seed >>> 3) % PLACES.length];
  const hour = read(tables.hours) ?? tables.usual_hours[mood];
  return { place, hour, weather: read(tables.weathers) ?? "clear", look: tables.looks[mood][hour], hues: tables.palettes[mood], seed };
}

/**
 * Numbers from 0 to 1 that a seed decides (mulberry32).
 * @param {number} seed
 * @returns {() => number}
 */
export function randomOf(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let value = Math.imul(state ^ (state >>> 15), 1 | state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 4294967296;
  };
}

/**
 * A colour between two.
 * @param {Rgb} one
 * @param {Rgb} other
 * @param {number} share
 * @returns {Rgb}
 */
export const mixed = (one, other, share) => [one[0] + (other[0] - one[0]) * share, one[1] + (other[1] - one[1]) * share, one[2] + (other[2] - one[2]) * share];

/**
 * A colour as CSS.
 * @param {Rgb} rgb
 * @param {number} alpha
 */
export const css = ([red, green, blue], alpha = 1) => `rgba(${Math.round(red)},${Math.round(green)},${Math.round(blue)},${alpha.toFixed(3)})`;
