// The few DOM helpers that every part uses.

import { t } from "./strings.js";

export const byId = (id) => document.getElementById(id);

/** An element with attributes (on… are listeners, true means present) and children. */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child != null));
  return node;
}

/** Fills in every text of the static document. */
export function fillTexts(root = document) {
  for (const node of root.querySelectorAll("[data-t]")) node.textContent = t(node.dataset.t);
  for (const node of root.querySelectorAll("[data-t-label]")) node.setAttribute("aria-label", t(node.dataset.tLabel));
}

/** Shows or hides; focus that would be lost goes to `fallback`. */
export function show(node, isShown, fallback = null) {
  const hadFocus = !isShown && node.contains(document.activeElement);
  node.hidden = !isShown;
  if (hadFocus && fallback) fallback.focus();
}

/** Enables or disables without ever dropping the focus. */
export function enable(button, isEnabled) {
  if (!isEnabled && document.activeElement === button) {
    button.setAttribute("aria-disabled", "true");
    return;
  }
  button.removeAttribute("aria-disabled");
  button.disabled = !isEnabled;
}

/** Lights up while files are dragged over `zone`, and hands over those that are dropped. */
export function onDrop(zone, take) {
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

/** Whether a press of this button should do nothing. */
export const isDisabled = (button) => button.disabled || button.getAttribute("aria-disabled") === "true";

/** 75.3 -> "1:15". */
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

/** An icon that assistive technology does not see; the button's label speaks. */
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
