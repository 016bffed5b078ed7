// One slider: a native range with end words, a value in plain words, and buttons for those who cannot drag.

import { sayNow } from "./announce.js";
import { el } from "./dom.js";

/**
 * Builds the row. `labels` are those of its buttons: less, more, reset. `say(value)`
 * gives the value in words; `onChange(value)` hears every change by the user.
 * Returns {node, get(), set(value)}.
 */
export function sliderRow({ id, title, labels: [less, more, one], low, high, min, max, step, big, neutral, value, say, onChange }) {
  const input = el("input", { type: "range", id, min, max, step, "aria-describedby": `${id}-ends` });
  const words = el("output", { class: "slider-words", for: id, "aria-hidden": "true" });
  const set = (next) => {
    input.value = next;
    const text = say(Number(input.value));
    input.setAttribute("aria-valuetext", text);
    words.textContent = text;
  };
  const press = (next) => {
    set(next);
    onChange(Number(input.value));
    sayNow(say(Number(input.value)));
  };
  input.addEventListener("input", () => {
    set(input.value);
    onChange(Number(input.value));
  });
  const button = (label, sign, act) =>
    el("button", { type: "button", class: "button small-square", "aria-label": label, onclick: act }, sign);
  const node = el("div", { class: "slider" },
    el("div", { class: "slider-top" }, el("label", { for: id }, title), words),
    el("div", { class: "slider-line" },
      button(less, "−", () => press(rounded(Number(input.value) - big))),
      el("div", { class: "slider-track" }, input,
        el("div", { class: "slider-ends", id: `${id}-ends` }, el("span", {}, low), el("span", { class: "sr" }, " – "), el("span", {}, high))),
      button(more, "+", () => press(rounded(Number(input.value) + big))),
      button(one, "↺", () => press(neutral))));
  set(value);
  return { node, get: () => Number(input.value), set };
}

const rounded = (value) => Math.round(value * 100) / 100;
