// Settings of the switches: how many, which, how fast, and whether the names are spoken.

import { el } from "../core/dom.js";
import { lengthOf, t } from "../core/strings.js";
import { choices, REST_S, saveChoices, STEP_S } from "./choices.js";
import { inWords, Signals } from "./signals.js";

/** @typedef {"choose" | "step"} Kind */

export class SwitchSettings {
  constructor() {
    /** @type {Kind | null} the switch that the next press of anything teaches */
    this._learning = null;
    /** @type {Signals | null} */
    this._signals = null;
    this._status = el("p", { class: "small hint", role: "status" });
    this._choose = this._switch("choose");
    this._step = this._switch("step");
    this.node = el("fieldset", { class: "inputs" },
      el("legend", {}, t("scan.title")),
      el("p", { class: "small hint" }, t("scan.hint")),
      check("scan-on", t("scan.on"), "isScanning"),
      el("label", { for: "scan-count", class: "label" }, t("scan.count")),
      this._count(),
      this._choose.row, this._step.row, this._status,
      check("scan-sound", t("scan.sound"), "isSound"),
      check("scan-spoken", t("scan.spoken"), "isSpoken"),
      ...range("scan-seconds", t("scan.seconds"), "stepS", { ...STEP_S, step: 0.25 }),
      ...range("scan-rest", t("scan.rest"), "restS", { ...REST_S, step: 0.1 }));
    this._draw();
  }

  /**
   * A press of any kind while a switch is taught; true where it was taken.
   * @param {string} name
   */
  take(name) {
    if (!this._learning) return false;
    choices[this._learning] = name;
    saveChoices();
    const text = t(this._learning === "choose" ? "scan.choose" : "scan.step", { what: inWords(name) });
    this._end();
    this._draw();
    this._status.textContent = text;
    return true;
  }

  /** Waits for no press any more, as when the settings are closed. */
  forget() {
    if (this._learning) this._end();
    this._status.textContent = "";
  }

  /** @param {Kind} kind */
  _switch(kind) {
    const text = el("span");
    const button = el("button", { type: "button", class: "button", id: `scan-${kind}`, onclick: () => this._learn(kind) },
      t(kind === "choose" ? "scan.changeChoose" : "scan.changeStep"));
    return { text, row: el("p", { class: "inputs-row" }, text, button) };
  }

  _count() {
    const select = el("select", { id: "scan-count", onchange: () => {
      choices.count = /** @type {1 | 2} */ (Number(select.value));
      saveChoices();
      this._draw();
    } }, el("option", { value: 1 }, t("scan.one")), el("option", { value: 2 }, t("scan.two")));
    select.value = String(choices.count);
    return select;
  }

  /** @param {Kind} kind */
  _learn(kind) {
    this._signals?.close();
    this._learning = kind;
    this._status.textContent = t("scan.press");
    // Esc ends a scan and Tab leaves a field, so that neither can be a switch.
    this._signals = new Signals({ heard: (name) => name !== "key:Tab" && this.take(name), held: () => {}, ended: () => this._isLeft() });
  }

  _isLeft() {
    const wasLearning = this._learning !== null;
    this.forget();
    return wasLearning;
  }

  _end() {
    this._learning = null;
    const signals = this._signals;
    this._signals = null;
    setTimeout(() => signals?.close(), 500); // the click of this very press is still to come
  }

  _draw() {
    this._choose.text.textContent = t("scan.choose", { what: inWords(choices.choose) });
    this._step.text.textContent = t("scan.step", { what: inWords(choices.step) });
    this._step.row.hidden = choices.count === 1;
  }
}

/**
 * @param {string} id
 * @param {string} text
 * @param {"isScanning" | "isSound" | "isSpoken"} name
 */
function check(id, text, name) {
  const box = el("input", { type: "checkbox", id, onchange: () => {
    choices[name] = box.checked;
    saveChoices();
  } });
  box.checked = choices[name];
  return el("label", { class: "check" }, box, el("span", {}, text));
}

/**
 * @param {string} id
 * @param {string} text
 * @param {"stepS" | "restS"} name
 * @param {{ min: number, max: number, step: number }} ends
 */
function range(id, text, name, ends) {
  const output = el("output", { for: id, class: "small hint" });
  const input = el("input", { type: "range", id, ...ends, oninput: () => {
    choices[name] = Number(input.value);
    saveChoices();
    draw();
  } });
  const draw = () => {
    output.textContent = lengthOf(choices[name]);
    input.setAttribute("aria-valuetext", lengthOf(choices[name]));
  };
  input.value = String(choices[name]);
  draw();
  return [el("label", { for: id, class: "label" }, text), input, output];
}
