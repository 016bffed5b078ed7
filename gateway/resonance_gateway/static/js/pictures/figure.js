// Chladni figure of a piece: where cos(nx)cos(my) - cos(mx)cos(ny) is near 0.
// One function draws the live picture, covers and, in Python (services/figure.py), the picture of a shared link.

/** @typedef {{ n: number, m: number, hue: number, hueEnd: number, width: number }} FigureSpec */

const GROUND = [14, 21, 23]; // --stage in css/base.css
const LIGHTNESS = 0.82;
const CHROMA = 0.1;
/** Share of a picture's height in which the figure repeats. */
const PERIOD = 1;

/**
 * The figure of a piece. `text` names it (its words and its seed); the sliders bend it.
 * @param {string} text
 * @param {SliderValues} sliders
 * @returns {FigureSpec}
 */
export function figureOf(text, sliders = {}) {
  const hash = fnv1a(text);
  const n = 2 + (hash % 4) + 0.9 * (sliders.tempo || 0);
  const gap = 1 + ((hash >>> 4) % 3) + 0.9 * (sliders.harmonic_complexity || 0);
  const hue = 175 + ((hash >>> 8) % 8) * 45 + 50 * (sliders.energy || 0);
  return { n, m: n + Math.max(0.6, gap), hue, hueEnd: hue - 70 - 40 * (sliders.emotional_tension || 0), width: 0.2 };
}

/**
 * The figure of a request: of its words, its seed and its sliders.
 * @param {{ prompt?: string, sliders?: SliderValues | null }} body
 * @param {number} seed
 */
export const figureOfBody = (body, seed) => figureOf(`${body.prompt ?? ""} ${seed}`, body.sliders || {});

/**
 * The figure between two, for a glide; `share` goes from 0 to 1.
 * @param {FigureSpec} from
 * @param {FigureSpec} to
 * @param {number} share
 * @returns {FigureSpec}
 */
export function between(from, to, share) {
  /** @param {keyof FigureSpec} key */
  const mix = (key) => from[key] + (to[key] - from[key]) * share;
  return { n: mix("n"), m: mix("m"), hue: mix("hue"), hueEnd: mix("hueEnd"), width: mix("width") };
}

/**
 * Pixels of a figure as RGBA.
 * @param {FigureSpec} spec
 * @param {number} columns
 * @param {number} rows
 */
export function figurePixels({ n, m, hue, hueEnd, width }, columns, rows) {
  const [nx, mx] = [waves(n, columns, rows), waves(m, columns, rows)];
  const [ny, my] = [waves(n, rows, rows), waves(m, rows, rows)];
  const colors = Array.from({ length: columns }, (_, x) => color(hue + ((hueEnd - hue) * x) / Math.max(1, columns - 1)));
  const pixels = new Uint8ClampedArray(4 * columns * rows);
  const sharpness = 1 / (width * width);
  for (let y = 0, at = 0; y < rows; y += 1) {
    for (let x = 0; x < columns; x += 1, at += 4) {
      const value = nx[x] * my[y] - mx[x] * ny[y];
      const share = Math.exp(-value * value * sharpness);
      const [red, green, blue] = colors[x];
      pixels[at] = GROUND[0] + (red - GROUND[0]) * share;
      pixels[at + 1] = GROUND[1] + (green - GROUND[1]) * share;
      pixels[at + 2] = GROUND[2] + (blue - GROUND[2]) * share;
      pixels[at + 3] = 255;
    }
  }
  return pixels;
}

/**
 * Paints a figure into a canvas, at the canvas' own size.
 * @param {HTMLCanvasElement} canvas
 * @param {FigureSpec} spec
 */
export function paintFigure(canvas, spec) {
  const { width, height } = canvas;
  if (width && height) canvas.getContext("2d").putImageData(new ImageData(figurePixels(spec, width, height), width, height), 0, 0);
}

/**
 * Samples of a cosine with `count` half waves in a picture's height, at `size` places around the middle.
 * @param {number} count
 * @param {number} size
 * @param {number} rows
 */
function waves(count, size, rows) {
  const step = (Math.PI * count) / (PERIOD * rows);
  return Float64Array.from({ length: size }, (_, i) => Math.cos((i + 0.5 - size / 2) * step));
}

/**
 * sRGB of an OKLCH hue in degrees, after Björn Ottosson (2020); all hues have one lightness.
 * @param {number} hue
 */
export function color(hue) {
  const angle = (hue * Math.PI) / 180;
  const [a, b] = [CHROMA * Math.cos(angle), CHROMA * Math.sin(angle)];
  const l = (LIGHTNESS + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (LIGHTNESS - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (LIGHTNESS - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ].map(toByte);
}

/** @param {number} linear */
function toByte(linear) {
  const value = Math.min(1, Math.max(0, linear));
  return 255 * (value <= 0.0031308 ? 12.92 * value : 1.055 * value ** (1 / 2.4) - 0.055);
}

/**
 * FNV-1a over the UTF-8 bytes of a text, 32 bits.
 * @param {string} text
 */
export function fnv1a(text) {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash;
}
