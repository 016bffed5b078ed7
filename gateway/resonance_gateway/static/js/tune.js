// A tune for live music to follow: hummed into the microphone, or a file. It stays in this page and is never stored.

import { alarm, sayNow } from "./announce.js";
import { byId, onDrop, show } from "./dom.js";
import { t } from "./strings.js";

const HUM_S = 15;
const BYTES_MAX = 6 * 1024 * 1024;

export class Tune {
  constructor() {
    this.sound = null; // base64
    this._recorder = null;
    this._listeners = [];
    byId("tune-hum").addEventListener("click", () => (this._recorder ? this._recorder.stop() : this._hum()));
    byId("tune-file").addEventListener("change", ({ target }) => this._take(target.files[0], target.files[0]?.name));
    byId("tune-forget").addEventListener("click", () => this._forget());
    onDrop(byId("tune-drop"), ([file]) => this._take(file, file?.name));
  }

  /** Calls `listener` with the sound in base64, or null, whenever there is another. */
  onChange(listener) {
    this._listeners.push(listener);
  }

  async _hum() {
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    } catch {
      this._refuse(t("tune.noMicrophone"));
      return;
    }
    const recorder = (this._recorder = new MediaRecorder(stream));
    const parts = [];
    recorder.addEventListener("dataavailable", ({ data }) => parts.push(data));
    recorder.addEventListener("stop", () => {
      clearTimeout(timer);
      stream.getTracks().forEach((track) => track.stop());
      this._recorder = null;
      this._showHumming(false);
      this._take(new Blob(parts, { type: recorder.mimeType }), t("tune.hummed"));
    });
    const timer = setTimeout(() => recorder.state === "recording" && recorder.stop(), HUM_S * 1000);
    recorder.start();
    this._showHumming(true);
    this._say(t("tune.humming", { seconds: HUM_S }));
  }

  async _take(blob, name) {
    if (!blob) return;
    if (blob.size > BYTES_MAX) {
      this._refuse(t("tune.tooLong"));
      return;
    }
    this._set(await inBase64(blob), t("tune.taken", { name }));
  }

  _forget() {
    byId("tune-file").value = "";
    byId("tune-hum").focus();
    this._set(null, t("tune.forgotten"));
  }

  _set(sound, words) {
    this.sound = sound;
    show(byId("tune-forget"), Boolean(sound), byId("tune-hum"));
    this._say(words);
    this._listeners.forEach((listener) => listener(sound));
  }

  _showHumming(isHumming) {
    byId("tune-hum").textContent = t(isHumming ? "tune.stop" : "tune.hum");
    byId("tune-hum").setAttribute("aria-pressed", String(isHumming));
  }

  _say(words) {
    byId("tune-status").textContent = words;
    sayNow(words);
  }

  _refuse(words) {
    byId("tune-status").textContent = words;
    alarm(words);
  }
}

function inBase64(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.addEventListener("load", () => resolve(reader.result.slice(reader.result.indexOf(",") + 1)));
    reader.addEventListener("error", () => reject(reader.error));
    reader.readAsDataURL(blob);
  });
}
