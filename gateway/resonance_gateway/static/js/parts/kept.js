// Pieces that the user keeps: favourites of this browser.

import { loadKept, saveKept } from "../core/store.js";

const KEPT_MAX = 5000;
let kept = new Set(loadKept());

/** @param {string} requestId */
export const isKept = (requestId) => kept.has(requestId);

/**
 * Keeps a piece or drops it from the favourites; its music stays either way. Returns whether it is kept now.
 * @param {string} requestId
 * @param {boolean | null} on null turns it round
 */
export function toggleKept(requestId, on = null) {
  const isOn = on ?? !kept.has(requestId);
  kept.delete(requestId);
  if (isOn) kept = new Set([...kept, requestId].slice(-KEPT_MAX));
  saveKept([...kept]);
  return isOn;
}
