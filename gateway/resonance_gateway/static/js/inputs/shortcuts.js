// Single-key shortcuts.
// Space plays, left and right seek. They can be switched off, and never act inside a control that uses the key.

import { byId } from "../core/dom.js";
import { saveSettings, settings } from "../core/store.js";

const TAKES_KEYS = "input:not([type=range]), textarea, select, button, summary, a, [contenteditable]";
const TAKES_ARROWS = "input, textarea, select, [contenteditable]";

/**
 * Listens for the keys. `act` maps `toggle`, `back` and `forward` to what they do.
 * @param {{ toggle(): void, back(): void, forward(): void }} act
 */
export function listenForKeys(act) {
  const box = byId("shortcuts");
  box.checked = settings.shortcuts;
  box.addEventListener("change", () => {
    settings.shortcuts = box.checked;
    saveSettings();
  });
  document.addEventListener("keydown", (event) => {
    const name = settings.shortcuts && !event.defaultPrevented && nameOf(event);
    if (!name) return;
    event.preventDefault();
    act[name]();
  });
}

/** @param {KeyboardEvent} event */
function nameOf(event) {
  if (event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return null;
  const target = /** @type {Element} */ (event.target);
  if (event.key === " ") return target.closest(TAKES_KEYS) ? null : "toggle";
  if (target.closest(TAKES_ARROWS)) return null;
  const isRtl = document.dir === "rtl";
  if (event.key === "ArrowLeft") return isRtl ? "forward" : "back";
  if (event.key === "ArrowRight") return isRtl ? "back" : "forward";
  return null;
}
