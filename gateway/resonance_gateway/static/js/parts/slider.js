// Slider with words, end labels and step buttons.

import { sayNow } from "../core/announce.js";
import { el } from "../core/dom.js";

/**
 * Builds the row of a slider. `labels` are those of its buttons: less, more, reset. `toWords` gives the value in words;
 * `onChange` is called after every change by the user.
 * @param {{ id: string, title: string, labels: string[], low: string, high: string, min: number, max: number, step: number, big: number,
 *   neutral: number, value: number, toWords(value: number): string, onChange(value: number): void }} options
 */
export function sliderRow({ id, title, labels: [less, more, one], low, high, min, max, step, big, neutral, value, toWords, onChange }) {
  const input = el("input", { type: "range", id, min, max, step, "aria-describedby": `${id}-ends` });
  /** @type {HTMLElement | null} */
  let node = null;
  const words = el("output", { class: "slider-words", for: id, "aria-hidden": "true" });
  /** @param {number} next */
  const set = (next) => {
    input.value = String(next);
    const text = toWords(Number(input.value));
    node?.classList.toggle("is-moved", Number(input.value) !== neutral);
    input.setAttribute("aria-valuetext", text);
    words.textContent = text;
  };
  /** @param {number} next */
  const press = (next) => {
    set(next);
    onChange(Number(input.value));
    sayNow(toWords(Number(input.value)));
  };
  input.addEventListener("input", () => {
    set(Number(input.value));
    onChange(Number(input.value));
  });
  /**
   * Not a Tab stop: the arrow keys of the slider do the same. It stays in the accessibility tree.
   * @param {string} label
   * @param {string} sign
   * @param {string} place
   * @param {() => void} act
   */
  const button = (label, sign, place, act) =>
    el("button", { type: "button", class: `button small-square ${place}`, tabindex: "-1", "aria-label": label, onclick: act }, sign);
  node = el("div", { class: "slider" },
    el("div", { class: "slider-top" }, el("label", { for: id }, title), words),
    button(less, "−", "less", () => press(rounded(Number(input.value) - big))),
    el("div", { class: "slider-track" }, input, el("span", { class: "sr", id: `${id}-ends` }, `${low} – ${high}`)),
    button(more, "+", "more", () => press(rounded(Number(input.value) + big))),
    button(one, "↺", "reset", () => press(neutral)));
  set(value);
  return { node, get: () => Number(input.value), set };
}

/** @param {number} value */
const rounded = (value) => Math.round(value * 100) / 100;
