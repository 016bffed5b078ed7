// Melody for live music, recorded or from a file.
// It stays in this page and is never stored.

import { alarm, sayNow } from "../core/announce.js";
import { byId, inputOf, onDrop, show } from "../core/dom.js";
import { Recorder } from "../inputs/recorder.js";
import { t } from "../core/strings.js";

const HUM_S = 15;
const BYTES_MAX = 6 * 1024 * 1024;

export class MelodyPicker {
  constructor() {
    /** @type {string | null} the sound file in base64 */
    this.sound = null;
    /** @type {((sound: string | null) => void)[]} */
    this._listeners = [];
    const button = byId("tune-hum");
    this._recorder = new Recorder({
      button, secondsMax: HUM_S,
      onChange: (isHumming) => {
        button.textContent = t(isHumming ? "tune.stop" : "tune.hum");
        if (isHumming) this._announce(t("tune.humming", { count: HUM_S }));
      },
    });
    button.addEventListener("click", () => (this._recorder.isRecording ? this._recorder.stop() : this._hum()));
    byId("tune-file").addEventListener("change", (event) => {
      const [file] = inputOf(event).files;
      this._take(file, file?.name);
    });
    byId("tune-forget").addEventListener("click", () => this._forget());
    onDrop(byId("tune-drop"), ([file]) => this._take(file, file?.name));
  }

  /**
   * Calls `listener` with the new melody in base64, or null, after every change.
   * @param {(sound: string | null) => void} listener
   */
  onChange(listener) {
    this._listeners.push(listener);
  }

  async _hum() {
    try {
      await this._take(await this._recorder.record(), t("tune.hummed"));
    } catch {
      this._refuse(t("tune.noMicrophone"));
    }
  }

  /**
   * @param {Blob | undefined} blob
   * @param {string} name
   */
  async _take(blob, name) {
    if (!blob) return;
    if (blob.size > BYTES_MAX) {
      this._refuse(t("tune.tooLong"));
      return;
    }
    this._set(await readBase64(blob), t("tune.taken", { name }));
  }

  _forget() {
    byId("tune-file").value = "";
    byId("tune-hum").focus();
    this._set(null, t("tune.forgotten"));
  }

  /**
   * @param {string | null} sound
   * @param {string} words
   */
  _set(sound, words) {
    this.sound = sound;
    show(byId("tune-forget"), Boolean(sound), byId("tune-hum"));
    this._announce(words);
    this._listeners.forEach((listener) => listener(sound));
  }

  /** @param {string} words */
  _announce(words) {
    byId("tune-status").textContent = words;
    sayNow(words);
  }

  /** @param {string} words */
  _refuse(words) {
    byId("tune-status").textContent = words;
    alarm(words);
  }
}

/**
 * @param {Blob} blob
 * @returns {Promise<string>}
 */
function readBase64(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.addEventListener("load", () => resolve(String(reader.result).replace(/^[^,]*,/, "")));
    reader.addEventListener("error", () => reject(reader.error));
    reader.readAsDataURL(blob);
  });
}
