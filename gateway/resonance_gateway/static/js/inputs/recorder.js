// Recorder of the microphone: one recording at a time, ended by a second press or by its longest time.

export class Recorder {
  /** @param {{ button: HTMLElement, secondsMax: number, onChange: (isRecording: boolean) => void }} options */
  constructor({ button, secondsMax, onChange }) {
    this._button = button;
    this._secondsMax = secondsMax;
    this._onChange = onChange;
    /** @type {MediaRecorder | null} */
    this._recorder = null;
    this._isAsking = false; // the user, for the microphone
  }

  get isRecording() {
    return this._isAsking || Boolean(this._recorder);
  }

  /** Ends the recording. */
  stop() {
    if (this._recorder?.state === "recording") this._recorder.stop();
  }

  /**
   * The recording, once it has ended. Rejects where there is no microphone or the user refuses it.
   * @returns {Promise<Blob>}
   */
  async record() {
    this._isAsking = true;
    const asked = navigator.mediaDevices.getUserMedia({ audio: true });
    const stream = await asked.finally(() => {
      this._isAsking = false;
    });
    const recorder = (this._recorder = new MediaRecorder(stream));
    /** @type {Blob[]} */
    const parts = [];
    recorder.addEventListener("dataavailable", ({ data }) => parts.push(data));
    const timer = setTimeout(() => this.stop(), this._secondsMax * 1000);
    recorder.start();
    this._show(true);
    await new Promise((resolve) => recorder.addEventListener("stop", resolve, { once: true }));
    clearTimeout(timer);
    stream.getTracks().forEach((track) => track.stop());
    this._recorder = null;
    this._show(false);
    return new Blob(parts, { type: recorder.mimeType });
  }

  /** @param {boolean} isRecording */
  _show(isRecording) {
    this._button.setAttribute("aria-pressed", String(isRecording));
    this._onChange(isRecording);
  }
}
