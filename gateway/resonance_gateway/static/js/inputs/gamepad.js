// Gamepads: buttons and sticks as uses of a control. A stick that is held to a side repeats.

/** @typedef {import("./taught.js").Use} Use */
/** @typedef {import("./taught.js").Target} Target */

const LOOK_EVERY_MS = 30;
const PUSHED = 0.6;
const LET_GO = 0.3;
const REPEAT_MS = 400;

/** @param {string} id @returns {Target} */
const press = (id, args = {}) => ({ id, args, isValue: false });
/** What the buttons of the standard layout do until they are taught something else. @type {Record<string, Target>} */
export const STANDARD = {
  "button:0": press("play"), "button:1": press("stop"), "button:2": press("keep"), "button:3": press("again"),
  "button:4": press("previous"), "button:5": press("next"), "button:8": press("describe"),
  "button:12": press("volume", { by: 0.1 }), "button:13": press("volume", { by: -0.1 }), "button:14": press("back"), "button:15": press("forward"),
};

export class Gamepads {
  /** @param {{ onUse: (use: Use, isStandard: boolean) => void, onDevices: () => void }} options */
  constructor({ onUse, onDevices }) {
    this._onUse = onUse;
    this._onDevices = onDevices;
    /** @type {Map<string, { isDown: boolean, side: number, sinceMs: number }>} */
    this._was = new Map();
    this._timer = 0;
    this._count = 0;
  }

  /** Looks at the gamepads from now on. A browser shows one after its first press. */
  open() {
    this._timer ||= setInterval(() => this._look(), LOOK_EVERY_MS);
    this._onDevices();
  }

  /** Names of the gamepads that the browser shows. */
  get devices() {
    return pads().map(({ id }) => id);
  }

  _look() {
    const there = pads();
    if (there.length !== this._count) this._onDevices();
    this._count = there.length;
    for (const pad of there) {
      const isStandard = pad.mapping === "standard";
      pad.buttons.forEach(({ pressed }, i) => this._button(pad, `button:${i}`, pressed, isStandard));
      pad.axes.forEach((value, i) => this._axis(pad, `stick:${i}`, value, isStandard));
    }
  }

  /**
   * @param {Gamepad} pad
   * @param {string} control
   * @param {boolean} isDown
   * @param {boolean} isStandard
   */
  _button(pad, control, isDown, isStandard) {
    const was = this._state(pad, control);
    if (was.isDown === isDown) return;
    was.isDown = isDown;
    this._onUse({ device: pad.id, control, kind: isDown ? "press" : "release", value: Number(isDown) }, isStandard);
  }

  /**
   * @param {Gamepad} pad
   * @param {string} control
   * @param {number} value up and left are negative
   * @param {boolean} isStandard
   */
  _axis(pad, control, value, isStandard) {
    const was = this._state(pad, control);
    const now = performance.now();
    if (Math.abs(value) < LET_GO) was.side = 0;
    if (Math.abs(value) < PUSHED || (Math.sign(value) === was.side && now - was.sinceMs < REPEAT_MS)) return;
    was.side = Math.sign(value);
    was.sinceMs = now;
    const isUpright = control.endsWith("1") || control.endsWith("3"); // up is more
    this._onUse({ device: pad.id, control, kind: "push", value: isUpright ? -was.side : was.side }, isStandard);
  }

  /**
   * @param {Gamepad} pad
   * @param {string} control
   */
  _state(pad, control) {
    const name = `${pad.index} ${control}`;
    const state = this._was.get(name) ?? { isDown: false, side: 0, sinceMs: -Infinity };
    this._was.set(name, state);
    return state;
  }
}

const pads = () => /** @type {Gamepad[]} */ (navigator.getGamepads().filter((pad) => pad?.connected));
