// DOM helpers: lookup, building, focus-safe show and enable.

import { t } from "./strings.js";

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
  for (const node of texts) node.textContent = t(/** @type {TextKey} */ (node.dataset.t));
  /** @type {NodeListOf<HTMLInputElement>} */
  const fields = document.querySelectorAll("[data-t-placeholder]");
  for (const node of fields) node.placeholder = t(/** @type {TextKey} */ (node.dataset.tPlaceholder));
  for (const node of labels) node.setAttribute("aria-label", t(/** @type {TextKey} */ (node.dataset.tLabel)));
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
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
    // The browser forgets a drop when its event ends, so everything is asked for here.
    if (entries.some((entry) => entry.isDirectory)) filesBelow(entries).then(take);
    else take([...event.dataTransfer.files]);
  });
}

/** @type {WeakMap<File, string>} */
const paths = new WeakMap();

/**
 * The path of a file below the folder that was chosen or dropped; empty for a file that was chosen itself.
 * @param {File} file
 */
export const pathOf = (file) => paths.get(file) || file.webkitRelativePath || "";

/**
 * All files of dropped folders. A folder that cannot be read has none.
 * @param {FileSystemEntry[]} entries
 * @returns {Promise<File[]>}
 */
async function filesBelow(entries) {
  const found = await Promise.all(entries.map((entry) => (entry.isDirectory ? readFolder(entry) : readFile(entry))));
  return found.flat();
}

/**
 * @param {any} entry
 * @returns {Promise<File[]>}
 */
async function readFolder(entry) {
  const reader = entry.createReader();
  /** @type {FileSystemEntry[]} */
  const inside = [];
  for (;;) {
    // A browser gives about a hundred entries at a time.
    const some = await new Promise((resolve) => reader.readEntries(resolve, () => resolve([])));
    if (!some.length) return filesBelow(inside);
    inside.push(...some);
  }
}

/**
 * @param {any} entry
 * @returns {Promise<File[]>}
 */
async function readFile(entry) {
  /** @type {File | null} */
  const file = await new Promise((resolve) => entry.file(resolve, () => resolve(null)));
  if (!file) return [];
  const path = entry.fullPath.replace(/^[/]/, "");
  if (path.includes("/")) paths.set(file, path);
  return [file];
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
