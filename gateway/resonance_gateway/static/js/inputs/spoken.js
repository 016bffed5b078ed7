// Spoken words: the microphone beside a field writes what was said into it, and does nothing else.

import * as api from "../core/api.js";
import { around, shown, tell as telling } from "../core/server-texts.js";
import { t } from "../core/strings.js";
import { alarm, sayNow } from "../core/announce.js";
import { byId, enable, show } from "../core/dom.js";
import { Recorder } from "./recorder.js";

const SPEAK_S = 20;
/** Field, its button, and where its status stands. */
const FIELDS = /** @type {const} */ ([
  ["prompt", "prompt-speak", "prompt-spoken"],
  ["refine-text", "refine-speak", "refine-spoken"],
]);

/** Shows the microphones where the installation can listen. */
export async function buildSpoken() {
  const canListen = Boolean(navigator.mediaDevices) && (await api.getVoices().then(() => true, () => false));
  for (const [field, button, status] of FIELDS) {
    show(byId(button), canListen);
    if (canListen) watch(byId(field), byId(button), byId(status));
  }
}

/**
 * @param {HTMLInputElement | HTMLTextAreaElement} field
 * @param {HTMLButtonElement} button
 * @param {HTMLElement} status
 */
function watch(field, button, status) {
  const recorder = new Recorder({
    button, secondsMax: SPEAK_S,
    onChange: (isRecording) => {
      button.textContent = t(isRecording ? "spoken.stop" : "spoken.start");
      if (isRecording) tell(t("spoken.listening", { count: SPEAK_S }));
    },
  });
  button.addEventListener("click", () => (recorder.isRecording ? recorder.stop() : listen()));

  async function listen() {
    let recording;
    try {
      recording = await recorder.record();
    } catch {
      refuse(t("spoken.noMicrophone"));
      return;
    }
    enable(button, false);
    tell(t("spoken.reading"));
    try {
      const { text } = await api.transcribe(recording);
      field.value = text;
      field.dispatchEvent(new Event("input", { bubbles: true }));
      field.focus();
      tell(t("spoken.heard", { text }));
    } catch (error) {
      const why = telling(/** @type {any} */ (error).problem?.reason, /** @type {Error} */ (error).message);
      refuse(t("spoken.failed", { why: why.text }));
      status.replaceChildren(...around("spoken.failed", "why", [shown(why)]));
    } finally {
      enable(button, true);
    }
  }

  /** @param {string} words */
  function tell(words) {
    status.textContent = words;
    sayNow(words);
  }

  /** @param {string} words */
  function refuse(words) {
    status.textContent = words;
    alarm(words);
  }
}
