// Following of a server job until it is final.
// It survives broken connections, restarts and full services.

import { isFinal } from "./api.js";

const ASK_AGAIN_MS = 2000;
const ASK_AGAIN_MS_MAX = 30_000;
// Statuses of a full, restarting or slow service, and 0 for a broken connection: the job itself is not affected.
const TRANSIENT = [0, 429, 503, 504];

/**
 * Follows work on the server until it is final.
 *
 * Calls `ask()` once unless `known` is given, then `watch(onNews, onLost)`. After a lost connection it asks again, with growing waits.
 * A refusal ends it with `onRefused(error)`. Returns a function that stops it; no callback runs after that.
 * @template {{ state: JobState }} Work
 * @param {{ ask(): Promise<Work>, watch(onNews: (news: Work) => void, onLost: (error: any) => void): () => void,
 *   onNews(news: Work): void, onRefused(error: any): void, known?: Work | null }} work
 */
export function follow({ ask, watch, onNews, onRefused, known = null }) {
  let isStopped = false;
  let timesLost = 0;
  let halt = () => {};
  /** @param {Work} news */
  const notify = (news) => {
    if (!isStopped) onNews(news);
  };
  /** @param {any} error */
  const lost = (error) => {
    if (isStopped) return;
    if (!TRANSIENT.includes(error.status)) {
      onRefused(error);
      return;
    }
    const waiting = setTimeout(again, Math.min(ASK_AGAIN_MS * 2 ** timesLost, ASK_AGAIN_MS_MAX));
    timesLost += 1;
    halt = () => clearTimeout(waiting);
  };
  /** @param {Work} news */
  const begin = (news) => {
    if (isStopped) return;
    timesLost = 0;
    notify(news);
    if (!isStopped && !isFinal(news)) halt = watch(notify, lost);
  };
  const again = () => ask().then(begin, lost);
  if (known) begin(known);
  else again();
  return () => {
    isStopped = true;
    halt();
  };
}
