// MIDI devices: notes, knobs and wheels as uses of a control. Access is asked for on a press.

/** @typedef {import("./taught.js").Use} Use */

const NOTE_OFF = 0x80;
const NOTE_ON = 0x90;
const KNOB = 0xb0;
const WHEEL = 0xe0;

export class Midi {
  /** @param {{ onUse: (use: Use) => void, onDevices: () => void }} options */
  constructor({ onUse, onDevices }) {
    this._onUse = onUse;
    this._onDevices = onDevices;
    /** @type {MIDIAccess | null} */
    this._access = null;
  }

  static get isThere() {
    return "requestMIDIAccess" in navigator;
  }

  /** Whether the browser gives access without asking, as it does once the user has agreed. */
  static async isAllowed() {
    if (!Midi.isThere) return false;
    const answer = await navigator.permissions.query({ name: /** @type {PermissionName} */ ("midi") }).catch(() => /** @type {PermissionStatus | null} */ (null));
    return answer?.state === "granted";
  }

  /** Asks for access; rejects where the user refuses it. */
  async open() {
    this._access ??= await navigator.requestMIDIAccess();
    this._access.onstatechange = () => this._listen();
    this._listen();
  }

  /** Names of the devices that are plugged in. */
  get devices() {
    return this._access ? [...this._access.inputs.values()].filter(({ state }) => state !== "disconnected").map(nameOf) : [];
  }

  _listen() {
    for (const input of this._access.inputs.values()) {
      input.onmidimessage = ({ data }) => {
        const use = data && useOf(data);
        if (use) this._onUse({ device: nameOf(input), ...use });
      };
    }
    this._onDevices();
  }
}

/** @param {{ name?: string | null, id: string }} input */
const nameOf = ({ name, id }) => name || id;

/**
 * A message as a use; null for one that has no control, such as a clock.
 * @param {Uint8Array} message
 * @returns {Omit<Use, "device"> | null}
 */
export function useOf([status, first, second = 0]) {
  const [kind, channel] = [status & 0xf0, status & 0x0f];
  if (kind === NOTE_ON && second > 0) return { control: `note:${channel}:${first}`, kind: "press", value: second / 127 };
  if (kind === NOTE_OFF || kind === NOTE_ON) return { control: `note:${channel}:${first}`, kind: "release", value: 0 };
  if (kind === KNOB) return { control: `knob:${channel}:${first}`, kind: "value", value: second / 127 };
  if (kind === WHEEL) return { control: `wheel:${channel}`, kind: "value", value: ((second << 7) | first) / 16383 };
  return null;
}
