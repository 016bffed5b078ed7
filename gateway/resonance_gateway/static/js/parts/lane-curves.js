// Curves of lanes: values that hold from a time until the next one.

export const WIDTH = 600;
export const HEIGHT = 64;
const INSET = 5;

/** @typedef {[number, number]} Point a time in seconds and a value */

/**
 * The value of a curve at a time; 0 before its first point.
 * @param {Point[]} points
 * @param {number} atS
 */
export const valueAt = (points, atS) => points.findLast(([pointS]) => pointS <= atS)?.[1] ?? 0;

/**
 * The curve with one more point, which replaces one at the same time.
 * @param {Point[]} points
 * @param {number} atS
 * @param {number} value
 * @returns {Point[]}
 */
export const withPoint = (points, atS, value) =>
  /** @type {Point[]} */ ([...points.filter(([pointS]) => pointS !== atS), [atS, value]]).sort(([one], [other]) => one - other);

/**
 * The curve with a stroke over it: under the stroke it follows the trail in steps, and goes on behind it as it was. A trail of one place is
 * a press, which holds until the next point.
 * @param {Point[]} before
 * @param {Point[]} trail in the order in which it was drawn
 * @param {number} stepS
 * @param {number} durationS
 * @returns {Point[]}
 */
export function drawn(before, trail, stepS, durationS) {
  const times = trail.map(([atS]) => atS);
  const [firstS, lastS] = [Math.min(...times), Math.max(...times)];
  if (lastS - firstS < stepS / 2) return withPoint(before, firstS, trail.at(-1)[1]);
  const endS = lastS + stepS;
  /** @type {Point[]} */
  const inside = [];
  for (let atS = firstS; atS <= lastS + stepS / 2; atS += stepS) inside.push([atS, valueOn(trail, atS)]);
  const after = before.filter(([atS]) => atS >= endS);
  const goesOn = endS < durationS && after[0]?.[0] !== endS ? [/** @type {Point} */ ([endS, valueAt(before, endS)])] : [];
  return withoutRepeats([...before.filter(([atS]) => atS < firstS), ...inside, ...goesOn, ...after]);
}

/**
 * The value of a trail over a time: between two places of it on the line between them, the latest stroke first.
 * @param {Point[]} trail
 * @param {number} atS
 */
function valueOn(trail, atS) {
  for (let i = trail.length - 1; i > 0; i -= 1) {
    const [[oneS, one], [otherS, other]] = [trail[i - 1], trail[i]];
    if (Math.min(oneS, otherS) > atS || Math.max(oneS, otherS) < atS) continue;
    const share = otherS === oneS ? 1 : (atS - oneS) / (otherS - oneS);
    return Math.round((one + share * (other - one)) * 20) / 20;
  }
  return trail[0][1];
}

/** @param {Point[]} points */
const withoutRepeats = (points) => points.filter(([, value], i) => i === 0 || value !== points[i - 1][1]);

/**
 * The curve as an SVG path in a box of WIDTH by HEIGHT.
 * @param {Point[]} points
 * @param {number} durationS
 * @param {number} reach the value at the upper edge
 */
export function pathOf(points, durationS, reach) {
  /** @param {number} value */
  const y = (value) => (INSET + ((1 - value / reach) / 2) * (HEIGHT - 2 * INSET)).toFixed(1);
  const steps = points.filter(([atS]) => atS < durationS).map(([atS, value]) => `H${((WIDTH * atS) / durationS).toFixed(1)}V${y(value)}`);
  return `M0 ${y(0)}${steps.join("")}H${WIDTH}`;
}
