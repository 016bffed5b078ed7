// Settings of MIDI devices and gamepads: access on a press, "move a knob now", and the list of what was taught.

import { el } from "../core/dom.js";
import { COMMANDS, nameOf, run } from "../core/commands.js";
import { draft, settings } from "../core/store.js";
import { list, t } from "../core/strings.js";
import { sliderName } from "../parts/sliders.js";
import { choices, saveChoices } from "./choices.js";
import { Gamepads, STANDARD } from "./gamepad.js";
import { Midi } from "./midi.js";
import { knobs } from "./offers.js";
import { Taught } from "./taught.js";

/** @typedef {import("./taught.js").Target} Target */
/** @typedef {import("./taught.js").Use} Use */

/** Commands that need a value or a text field; a button has neither. */
const NOT_FOR_BUTTONS = ["slider", "volume", "seek", "part", "words", "tempo", "musicKey", "without", "taste", "version", "length"];
const SAY_AFTER_MS = 600;

export class Controls {
  /**
   * `takes(name)` and `releases(name)` get buttons and notes first, which may be switches. `answered` gets the sentence of a command.
   * @param {{ takes: (name: string) => boolean, releases: (name: string) => void, answered: (answer: string) => void }} page
   */
  constructor({ takes, releases, answered }) {
    this._takes = takes;
    this._releases = releases;
    this._answered = answered;
    this._isLearning = false;
    this._taught = new Taught({ run: (id, args) => this._run(id, args), placeOf });
    const devices = { onDevices: () => this._drawDevices() };
    this._midi = new Midi({ onUse: (use) => this.use(use), ...devices });
    this._pads = new Gamepads({ onUse: (use, isStandard) => this.use(use, isStandard ? STANDARD[use.control] : null), ...devices });
    this._targets = targets();
    this._build();
    this._resume();
  }

  /**
   * A control was used. Learning comes first, then the switches, then what it was taught.
   * @param {Use} use
   * @param {Target | null} standard
   */
  use(use, standard = null) {
    if (this._isLearning && use.kind !== "release") return this._learn(use);
    if (use.kind === "press" && this._takes(use.control)) return;
    if (use.kind === "release") this._releases(use.control);
    this._taught.take(use, standard);
  }

  /** Learns nothing any more, as when the settings are closed. */
  forget() {
    this._isLearning = false;
    this._status.textContent = "";
  }

  _build() {
    this._found = el("p", { class: "small hint", id: "controls-found" });
    this._status = el("p", { class: "small hint", role: "status", id: "controls-status" });
    this._teach = el("button", { type: "button", class: "button", id: "controls-teach", onclick: () => this._ask() }, t("controls.teach"));
    this._list = el("ul", { class: "inputs-list", id: "controls-list" });
    this._what = el("select", { id: "controls-what" }, ...this._targets.map(({ name }, i) => el("option", { value: i }, name)));
    this.node = el("fieldset", { class: "inputs" },
      el("legend", {}, t("controls.title")),
      el("p", { class: "inputs-row" },
        el("button", { type: "button", class: "button", id: "controls-midi", onclick: () => this._openMidi() }, t("controls.midi")),
        el("button", { type: "button", class: "button", id: "controls-pad", onclick: () => this._openPads() }, t("controls.pad"))),
      el("p", { class: "small hint" }, t("controls.standard")),
      this._found,
      el("label", { for: "controls-what", class: "label" }, t("controls.what")), this._what,
      el("p", { class: "inputs-row" }, this._teach),
      this._status, this._list);
    this._draw();
  }

  /** Goes on with what was in use before a reload, where the browser need not ask again. */
  async _resume() {
    if (choices.isPad) this._pads.open();
    if (choices.isMidi && (await Midi.isAllowed())) await this._openMidi();
  }

  async _openMidi() {
    if (!Midi.isThere) return this._say(t("controls.noMidi"));
    try {
      await this._midi.open();
      choices.isMidi = true;
      saveChoices();
    } catch {
      this._say(t("controls.noMidi"));
    }
  }

  _openPads() {
    choices.isPad = true;
    saveChoices();
    this._pads.open();
  }

  _ask() {
    this._isLearning = true;
    this._say(t("controls.move"));
  }

  /** @param {Use} use */
  _learn({ device, control }) {
    const { name, target } = this._targets[Number(this._what.value)];
    this._isLearning = false;
    this._taught.teach(device, control, target);
    this._say(t("controls.learnt", { control: controlName(control), device, what: name }));
    this._draw();
  }

  /**
   * @param {string} id
   * @param {Record<string, any>} args
   */
  _run(id, args) {
    run(id, args).then((answer) => {
      clearTimeout(this._timer);
      if (answer) this._timer = setTimeout(() => this._answered(answer), "to" in args || "by" in args ? SAY_AFTER_MS : 0); // a knob says where it ends
    });
  }

  /** @param {string} text */
  _say(text) {
    this._status.textContent = text;
  }

  _drawDevices() {
    const names = [...this._midi.devices, ...this._pads.devices];
    this._found.textContent = names.length ? t("controls.found", { names: list(names) }) : t("controls.none");
  }

  _draw() {
    this._list.replaceChildren(...this._taught.list.map(({ device, control, target }) => {
      const what = t("controls.does", { control: controlName(control), device, what: targetName(target) });
      return el("li", { class: "inputs-row" }, el("span", {}, what),
        el("button", { type: "button", class: "button quiet", "aria-label": t("controls.forgetLong", { what }), onclick: () => {
          this._taught.teach(device, control, null);
          this._draw();
          this._teach.focus();
        } }, t("controls.forget")));
    }));
  }
}

/** @returns {{ name: string, target: Target }[]} */
const targets = () => [
  ...knobs().map(({ id, name, args }) => ({ name, target: { id, args, isValue: true } })),
  ...COMMANDS.filter(({ id }) => !NOT_FOR_BUTTONS.includes(id)).map(({ id }) => ({ name: nameOf(id), target: { id, args: {}, isValue: false } })),
];

/** @param {Target} target */
const targetName = ({ id, args }) => (id === "slider" ? sliderName(args.name) : id === "volume" ? t("listen.volume") : nameOf(id));

/** Where a slider or the volume stands, from 0 to 1. @param {Target} target */
const placeOf = ({ id, args }) => (id === "volume" ? settings.volume : ((draft.sliders[args.name] ?? 0) + 1) / 2);

/** @param {string} control */
function controlName(control) {
  const [kind, ...numbers] = control.split(":");
  const number = Number(numbers.at(-1));
  if (kind === "knob") return t("controls.knob", { number });
  if (kind === "note") return t("controls.note", { number });
  if (kind === "wheel") return t("controls.wheel");
  if (kind === "stick") return t("controls.stick", { number: number + 1 });
  return t("controls.button", { number: number + 1 });
}
