// Live regions for screen readers.
// Polite messages come at most every five seconds, errors at once.

import { byId } from "./dom.js";

const APART_MS = 5000;
const PER_JOB_MAX = 8;

let lastMs = -Infinity;
let saidInJob = 0;
/** @type {number | undefined} */
let waiting;

/** Resets the number of messages for a new job. */
export function startJob() {
  saidInJob = 0;
}

/**
 * Announces progress: at most one message in five seconds and eight for a job; a later one replaces a waiting one.
 * @param {string} text
 */
export function say(text) {
  if (saidInJob >= PER_JOB_MAX - 1) return;
  clearTimeout(waiting);
  const waitMs = lastMs + APART_MS - performance.now();
  if (waitMs > 0) waiting = setTimeout(() => speak(text), waitMs);
  else speak(text);
}

/**
 * Announces a result or the answer to a press: always, and at once.
 * @param {string} text
 */
export function sayNow(text) {
  clearTimeout(waiting);
  speak(text);
}

/**
 * Announces an error at once, in the assertive region.
 * @param {string} text
 */
export function alarm(text) {
  clearTimeout(waiting);
  const region = byId("assertive");
  region.textContent = "";
  region.textContent = text;
}

/** @param {string} text */
function speak(text) {
  lastMs = performance.now();
  saidInJob += 1;
  byId("polite").textContent = text;
}
