// DOM helpers: lookup, building, focus-safe show and enable.

import { t } from "../strings.js";

/**
 * The element of index.html with this id; its type is in types.d.ts.
 * @template {string} Id
 * @param {Id} id
 * @returns {PageElement<Id>}
 */
export const byId = (id) => /** @type {PageElement<Id>} */ (document.getElementById(id));

/**
 * An element with attributes (on… are listeners, true means present) and children.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, any>} attributes
 * @param {...(Node | string | null)} children
 */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null));
  return node;
}

/** Fills in every text of the static document. */
export function fillTexts() {
  /** @type {NodeListOf<HTMLElement>} */
  const texts = document.querySelectorAll("[data-t]");
  /** @type {NodeListOf<HTMLElement>} */
  const labels = document.querySelectorAll("[data-t-label]");
  for (const node of texts) node.textContent = t(node.dataset.t);
  for (const node of labels) node.setAttribute("aria-label", t(node.dataset.tLabel));
}

/**
 * Shows or hides a node; focus that would be lost goes to `fallback`.
 * @param {HTMLElement} node
 * @param {boolean} isShown
 * @param {HTMLElement | null} fallback
 */
export function show(node, isShown, fallback = null) {
  const hadFocus = !isShown && node.contains(document.activeElement);
  node.hidden = !isShown;
  if (hadFocus && fallback) fallback.focus();
}

/**
 * Enables or disables a button without dropping the focus: a focused button becomes aria-disabled.
 * @param {HTMLButtonElement} button
 * @param {boolean} isEnabled
 */
export function enable(button, isEnabled) {
  if (!isEnabled && document.activeElement === button) {
    button.setAttribute("aria-disabled", "true");
    return;
  }
  button.removeAttribute("aria-disabled");
  button.disabled = !isEnabled;
}

/**
 * Marks `zone` while files are dragged over it, and passes dropped files to `take`.
 * @param {HTMLElement} zone
 * @param {(files: File[]) => void} take
 */
export function onDrop(zone, take) {
  /** @param {boolean} isOver */
  const light = (isOver) => zone.classList.toggle("over", isOver);
  zone.addEventListener("dragover", (event) => {
    event.preventDefault();
    light(true);
  });
  zone.addEventListener("dragleave", () => light(false));
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    light(false);
    take([...event.dataTransfer.files]);
  });
}

/**
 * The input that an event came from.
 * @param {Event} event
 */
export const inputOf = (event) => /** @type {HTMLInputElement} */ (event.target);

/**
 * True where a press of this button must do nothing.
 * @param {HTMLButtonElement} button
 */
export const isDisabled = (button) => button.disabled || button.getAttribute("aria-disabled") === "true";

/**
 * 75.3 -> "1:15".
 * @param {number} seconds
 */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds + 0.001));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

const PATHS = {
  play: "M8 5v14l11-7z",
  pause: "M7 5h4v14H7zM13 5h4v14h-4z",
  back: "M11 6v12l-8-6zM20 6v12l-8-6z",
  forward: "M13 6v12l8-6zM4 6v12l8-6z",
};

/**
 * An icon hidden from assistive technology; the button's label names the action.
 * @param {keyof typeof PATHS} name
 */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  for (const [key, value] of Object.entries({ viewBox: "0 0 24 24", "aria-hidden": "true", focusable: "false" })) {
    svg.setAttribute(key, value);
  }
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}
