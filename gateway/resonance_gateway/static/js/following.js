// Following work on the server to its end, through broken lines, restarts and slow parts.

import { isFinal } from "./api.js";

const ASK_AGAIN_MS = 2000;
const ASK_AGAIN_MS_MAX = 30_000;
// A part that is full, restarting or slow says nothing about the work, and neither does a line that broke (a reload breaks it, too).
const PASSING = [0, 429, 503, 504];

/**
 * Asks once with `ask()` unless `known` is given, then watches with `watch(onNews, onLost)`, and asks again, more and more seldom, where
 * the line is lost; only a refusal is the end: `onRefused(error)`. Returns a function that stops; nothing is told after it.
 */
export function follow({ ask, watch, onNews, onRefused, known = null }) {
  let isStopped = false;
  let timesLost = 0;
  let halt = () => {};
  const told = (news) => !isStopped && onNews(news);
  const lost = (error) => {
    if (isStopped) return;
    if (!PASSING.includes(error.status)) {
      onRefused(error);
      return;
    }
    const waiting = setTimeout(again, Math.min(ASK_AGAIN_MS * 2 ** timesLost, ASK_AGAIN_MS_MAX));
    timesLost += 1;
    halt = () => clearTimeout(waiting);
  };
  const begin = (news) => {
    if (isStopped) return;
    timesLost = 0;
    told(news);
    if (!isStopped && !isFinal(news)) halt = watch(told, lost);
  };
  const again = () => ask().then(begin, lost);
  if (known) begin(known);
  else again();
  return () => {
    isStopped = true;
    halt();
  };
}
