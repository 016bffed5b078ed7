// Spoken words: the microphone beside a field writes what was said into it, and does nothing else.

import * as api from "../core/api.js";
import { around, shown, tell as telling } from "../core/server-texts.js";
import { sentences, t } from "../core/strings.js";
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
  const known = navigator.mediaDevices ? await api.getVoices().catch(() => /** @type {null} */ (null)) : null;
  const recognizer = known?.recognizer;
  const leaves = recognizer && !recognizer.is_local ? (await import("./recordings.js")).leavingNote(recognizer) : "";
  for (const [field, button, status] of FIELDS) {
    show(byId(button), Boolean(known));
    if (known) watch(byId(field), byId(button), byId(status), leaves);
  }
}

/** Whether a person has been told, and has pressed since then, that recordings leave this installation. */
let hasBeenTold = false;

/**
 * @param {HTMLInputElement | HTMLTextAreaElement} field
 * @param {HTMLButtonElement} button
 * @param {HTMLElement} status
 * @param {string} leaves where recordings go to; empty where they stay here
 */
function watch(field, button, status, leaves) {
  if (leaves) {
    status.textContent = leaves;
    button.setAttribute("aria-describedby", status.id);
  }
  const recorder = new Recorder({
    button, secondsMax: SPEAK_S,
    onChange: (isRecording) => {
      button.textContent = t(isRecording ? "spoken.stop" : "spoken.start");
      if (isRecording) tell(t("spoken.listening", { count: SPEAK_S }));
    },
  });
  button.addEventListener("click", () => {
    if (recorder.isRecording) recorder.stop();
    else if (leaves && !hasBeenTold) {
      hasBeenTold = true;
      tell(sentences(leaves, t("spoken.again")));
    } else listen();
  });

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
