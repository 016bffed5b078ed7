// Knobs and buttons of MIDI devices and gamepads: what each was taught, kept by the name of the device.

import { load, save } from "../core/store.js";

/**
 * What a control does: a command, and whether a value sets it (a slider, the volume).
 * @typedef {{ id: string, args: Record<string, any>, isValue: boolean }} Target
 */
/**
 * A control was used: pressed, released, turned to a value from 0 to 1, or pushed to a side (-1 or 1).
 * @typedef {{ device: string, control: string, kind: "press" | "release" | "value" | "push", value: number }} Use
 */

const NAME = "taught";
/** A knob within this distance of what it sets takes it over. */
const NEAR = 0.04;
const STEP = { slider: 0.2, volume: 0.1 };

export class Taught {
  /**
   * `placeOf` says where a target stands, from 0 to 1.
   * @param {{ run: (id: string, args: Record<string, any>) => void, placeOf: (target: Target) => number }} page
   */
  constructor({ run, placeOf }) {
    this._run = run;
    this._placeOf = placeOf;
    /** @type {Record<string, Record<string, Target>>} */
    this._all = load(NAME, {});
    /** @type {Map<string, { value: number, set: number | null }>} */
    this._knobs = new Map();
  }

  /** Every control that was taught. @returns {{ device: string, control: string, target: Target }[]} */
  get list() {
    return Object.entries(this._all).flatMap(([device, controls]) => Object.entries(controls).map(([control, target]) => ({ device, control, target })));
  }

  /**
   * @param {string} device
   * @param {string} control
   * @param {Target | null} target null forgets it
   */
  teach(device, control, target) {
    const controls = { ...this._all[device] };
    if (target) controls[control] = target;
    else delete controls[control];
    this._all[device] = controls;
    save(NAME, this._all);
  }

  /**
   * Does what the control was taught. `standard` is what it does untaught.
   * @param {Use} use
   * @param {Target | null} standard
   */
  take(use, standard = null) {
    const target = this._all[use.device]?.[use.control] ?? standard;
    if (target?.isValue) this._set(target, use);
    else if (target) this._press(target, use);
  }

  /**
   * @param {Target} target
   * @param {Use} use
   */
  _set(target, use) {
    const step = target.id === "volume" ? STEP.volume : STEP.slider;
    if (use.kind === "press") this._run(target.id, { ...target.args, by: step });
    else if (use.kind === "push") this._run(target.id, { ...target.args, by: step * use.value });
    else if (use.kind === "value" && this._isHeld(target, use)) {
      const { value } = use;
      const middle = Math.abs(value - 0.5) < 0.02 ? 0 : 2 * value - 1;
      this._run(target.id, { ...target.args, to: target.id === "volume" ? value : middle });
      this._knob(use).set = this._placeOf(target);
    }
  }

  /**
   * Soft pick-up: a knob moves nothing until it reaches the place of what it sets, so that nothing jumps.
   * @param {Target} target
   * @param {Use} use
   */
  _isHeld(target, use) {
    const knob = this._knob(use);
    const place = this._placeOf(target);
    const before = knob.value;
    knob.value = use.value;
    if (knob.set !== null && Math.abs(place - knob.set) < NEAR) return true;
    knob.set = null; // something else has moved it since
    return Math.abs(use.value - place) <= NEAR || (before - place) * (use.value - place) < 0;
  }

  /** @param {Use} use */
  _knob({ device, control }) {
    const name = `${device} ${control}`;
    const knob = this._knobs.get(name) ?? { value: NaN, set: null };
    this._knobs.set(name, knob);
    return knob;
  }

  /**
   * @param {Target} target
   * @param {Use} use
   */
  _press(target, use) {
    if (use.kind === "press" || use.kind === "push") this._run(target.id, target.args);
    if (use.kind !== "value") return;
    const knob = this._knob(use);
    const wasDown = knob.value >= 0.5;
    knob.value = use.value;
    if (use.value >= 0.5 && !wasDown) this._run(target.id, target.args);
  }
}
