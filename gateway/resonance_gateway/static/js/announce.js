// What screen readers are told: polite news, seldom; errors at once.

import { byId } from "./dom.js";

const APART_MS = 5000;
const PER_JOB_MAX = 8;

let lastMs = -Infinity;
let saidInJob = 0;
let waiting = null;

/** A new piece of work may speak again. */
export function startJob() {
  saidInJob = 0;
}

/** News that may be dropped for later news: at most one in five seconds, at most eight for a job. */
export function say(text) {
  if (saidInJob >= PER_JOB_MAX - 1) return;
  clearTimeout(waiting);
  const waitMs = lastMs + APART_MS - performance.now();
  if (waitMs > 0) waiting = setTimeout(() => speak(text), waitMs);
  else speak(text);
}

/** The last word of a job, or the answer to a press: always said, at once. */
export function sayNow(text) {
  clearTimeout(waiting);
  speak(text);
}

/** An error: said at once, over everything else. */
export function alarm(text) {
  clearTimeout(waiting);
  const region = byId("assertive");
  region.textContent = "";
  region.textContent = text;
}

function speak(text) {
  lastMs = performance.now();
  saidInJob += 1;
  byId("polite").textContent = text;
}
