// Walker: the figure of a scene in profile. A foot falls at each half of a cycle, so at each step of the music.

import { css, mixed } from "./words.js";

/** @typedef {import("./words.js").Rgb} Rgb */
/** @typedef {CanvasRenderingContext2D} Context */

const [THIGH, SHIN, HIP, SHOULDER, HEAD] = [0.43, 0.44, 0.9, 1.38, 1.6]; // metres
const SWING = 0.46;

/**
 * Draws the figure with its feet at (0, 0), a metre being one unit, y downwards.
 * @param {Context} context
 * @param {{ step: number, isWalking: boolean, wind: number, seconds: number, coat: Rgb, accent: Rgb, dark: Rgb, light: Rgb, lit: number }} pose
 */
export function drawWalker(context, { step, isWalking, wind, seconds, coat, accent, dark, light, lit }) {
  const phase = 2 * Math.PI * step;
  const bob = isWalking ? 0.025 * Math.cos(2 * phase) : 0.008 * Math.sin(1.6 * seconds);
  const [skin, cloth, far] = [mixed([214, 168, 138], dark, 0.35), mixed(coat, dark, 0.3), mixed(coat, dark, 0.62)];
  context.lineCap = context.lineJoin = "round";
  context.fillStyle = css([0, 0, 0], 0.34);
  context.beginPath();
  context.ellipse(0, 0, 0.42, 0.045, 0, 0, 7);
  context.fill();
  leg(context, phase + Math.PI, bob, isWalking, mixed(dark, [0, 0, 0], 0.3));
  arm(context, phase, bob, isWalking, far);
  leg(context, phase, bob, isWalking, mixed(dark, [255, 255, 255], 0.06));
  const flutter = 0.05 * wind * Math.sin(6 * seconds) + (isWalking ? 0.05 * Math.sin(phase) : 0);
  context.fillStyle = css(cloth);
  context.beginPath();
  context.moveTo(-0.13, -SHOULDER + bob);
  context.quadraticCurveTo(0.02, -SHOULDER - 0.08 + bob, 0.13, -SHOULDER + 0.03 + bob);
  context.quadraticCurveTo(0.19, -1.05 + bob, 0.17, -0.55 + bob);
  context.lineTo(-0.2 - 0.16 * wind - flutter, -0.52 + bob);
  context.quadraticCurveTo(-0.2, -1.0 + bob, -0.13, -SHOULDER + bob);
  context.fill();
  context.strokeStyle = css(light, 0.25 + 0.5 * lit);
  context.lineWidth = 0.02;
  context.beginPath();
  context.moveTo(0.13, -SHOULDER + 0.03 + bob);
  context.quadraticCurveTo(0.19, -1.05 + bob, 0.17, -0.55 + bob);
  context.stroke();
  arm(context, phase + Math.PI, bob, isWalking, mixed(cloth, [0, 0, 0], 0.12));
  head(context, bob, skin, mixed(dark, [60, 34, 24], 0.5), wind, seconds);
  context.strokeStyle = css(accent);
  context.lineWidth = 0.06;
  context.beginPath();
  context.moveTo(0.09, -SHOULDER - 0.05 + bob);
  context.lineTo(-0.07, -SHOULDER - 0.03 + bob);
  context.quadraticCurveTo(-0.17, -SHOULDER + 0.04 + bob, -0.17 - 0.3 * wind, -SHOULDER + 0.24 - 0.2 * wind + 0.03 * Math.sin(5 * seconds) + bob);
  context.stroke();
}

/** @param {Context} context @param {number} phase @param {number} bob @param {boolean} isWalking @param {Rgb} colour */
function leg(context, phase, bob, isWalking, colour) {
  const swing = isWalking ? SWING * Math.sin(phase) : 0.05;
  const bend = isWalking ? Math.max(0, 0.85 * Math.cos(phase + 0.5)) + 0.06 : 0.02;
  const [hipY, kneeX] = [-HIP + bob, THIGH * Math.sin(swing)];
  const kneeY = hipY + THIGH * Math.cos(swing);
  const [footX, footY] = [kneeX + SHIN * Math.sin(swing - bend), Math.min(-0.03, kneeY + SHIN * Math.cos(swing - bend))];
  context.strokeStyle = css(colour);
  context.lineWidth = 0.13;
  context.beginPath();
  context.moveTo(0, hipY);
  context.lineTo(kneeX, kneeY);
  context.lineTo(footX, footY);
  context.stroke();
  context.lineWidth = 0.085;
  context.beginPath();
  context.moveTo(footX - 0.02, footY);
  context.lineTo(footX + 0.15, footY + 0.01 - (isWalking ? 0.07 * Math.max(0, Math.sin(phase)) : 0));
  context.stroke();
}

/** @param {Context} context @param {number} phase @param {number} bob @param {boolean} isWalking @param {Rgb} colour */
function arm(context, phase, bob, isWalking, colour) {
  const swing = isWalking ? 0.5 * Math.sin(phase) : 0.04;
  const [elbowX, elbowY] = [0.3 * Math.sin(swing), -SHOULDER + 0.08 + 0.3 * Math.cos(swing) + bob];
  context.strokeStyle = css(colour);
  context.lineWidth = 0.1;
  context.beginPath();
  context.moveTo(0, -SHOULDER + 0.07 + bob);
  context.lineTo(elbowX, elbowY);
  context.lineTo(elbowX + 0.26 * Math.sin(swing + 0.4), elbowY + 0.26 * Math.cos(swing + 0.4));
  context.stroke();
}

/** @param {Context} context @param {number} bob @param {Rgb} skin @param {Rgb} hair @param {number} wind @param {number} seconds */
function head(context, bob, skin, hair, wind, seconds) {
  context.fillStyle = css(skin);
  context.beginPath();
  context.ellipse(0.03, -HEAD + bob, 0.105, 0.13, 0, 0, 7);
  context.rect(-0.03, -HEAD + 0.08 + bob, 0.08, 0.12);
  context.fill();
  context.fillStyle = css(hair);
  context.beginPath();
  context.ellipse(-0.01, -HEAD - 0.045 + bob, 0.13, 0.115, -0.25, 2.6, 6.6);
  context.quadraticCurveTo(-0.14, -HEAD + 0.02 + bob, -0.12 - 0.12 * wind + 0.01 * Math.sin(5 * seconds), -HEAD + 0.17 + bob);
  context.quadraticCurveTo(-0.02, -HEAD + 0.1 + bob, -0.03, -HEAD - 0.02 + bob);
  context.fill();
}
