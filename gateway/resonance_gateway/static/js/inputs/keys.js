// Keys: each command's key, read from the command table. They can be switched off, and never act in a control that uses the key.

import { COMMANDS, run } from "../core/commands.js";
import { byId } from "../core/dom.js";
import { saveSettings, settings } from "../core/store.js";

const TAKES_KEYS = "input:not([type=range]), textarea, select, [contenteditable]";
const TAKES_SPACE = `${TAKES_KEYS}, button, summary, a, [role=tab]`;
const TAKES_ARROWS = `${TAKES_KEYS}, input, [role=tablist], [role=toolbar], #version-list`;
const REGIONS = ["top", "made", "now", "say", "player"];
const KEYS = new Map(COMMANDS.filter((command) => command.key && command.id !== "slider").map(({ key, id }) => [key, id]));

/**
 * Listens for the keys. `answered` gets the sentence of a command that has one.
 * @param {(answer: string) => void} answered
 */
export function listenForKeys(answered) {
  const box = byId("shortcuts");
  box.checked = settings.shortcuts;
  box.addEventListener("change", () => {
    settings.shortcuts = box.checked;
    saveSettings();
  });
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || document.querySelector("dialog[open]")) return;
    if (event.key === "F6" && !event.ctrlKey) {
      event.preventDefault();
      goToRegion(event.shiftKey ? -1 : 1);
      return;
    }
    const found = settings.shortcuts && commandOf(event);
    if (!found) return;
    event.preventDefault();
    run(found.id, found.args).then((answer) => answer && answered(answer));
  });
}

/**
 * @param {KeyboardEvent} event
 * @returns {{ id: string, args: Record<string, any> } | null}
 */
function commandOf(event) {
  if (event.ctrlKey || event.altKey || event.metaKey) return null;
  const target = /** @type {Element} */ (event.target);
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (event.shiftKey && /^[a-z]$/.test(key)) return null;
  if (key === "Escape") return { id: "stop", args: { isKey: true } };
  if (target.closest(TAKES_KEYS)) return null;
  if (key === " ") return target.closest(TAKES_SPACE) ? null : { id: "play", args: {} };
  if (key === "ArrowLeft" || key === "ArrowRight") {
    if (target.closest(TAKES_ARROWS)) return null;
    return { id: key === "ArrowLeft" ? "back" : "forward", args: {} }; // time runs to the right in every language
  }
  if (/^[1-7]$/.test(key)) return { id: "slider", args: { number: Number(key) } };
  const id = KEYS.get(key);
  return id ? { id, args: {} } : null;
}

/** The next region on the way that the eye takes; a region that is not shown is left out. @param {number} step */
function goToRegion(step) {
  const shown = REGIONS.map((id) => document.getElementById(id)).filter((node) => node?.checkVisibility());
  const at = shown.findIndex((node) => node.contains(document.activeElement));
  const goal = shown[(at + step + shown.length) % shown.length];
  const first = /** @type {HTMLElement | null} */ (goal.id === "top" ? goal.querySelector("h1") : goal);
  first?.focus();
}
