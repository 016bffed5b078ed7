// Sound engine: the one owner of the AudioContext, with its gain and its meter.

// Beside this file, whichever page loads it.
const WORKLETS = { "take-player": new URL("take-worklet.js", import.meta.url), "live-player": new URL("live-worklet.js", import.meta.url) };
const GLIDE_S = 0.02;
const DUCKED = 10 ** (-8 / 20); // 8 dB

/** Opens the context at the rate of the music, and connects sources to one gain. "shut" is dispatched where the rate changed. */
export class Engine extends EventTarget {
  constructor() {
    super();
    /** @type {AudioContext | null} */
    this._context = null;
    /** @type {GainNode | null} */
    this._gain = null;
    /** @type {AnalyserNode | null} */
    this._meter = null;
    this._volume = 0.9;
    this._isDucked = false;
    /** @type {Map<string, Promise<void>>} */
    this._modules = new Map();
    this._samples = new Float32Array(1024);
    this._bins = new Uint8Array(512);
  }

  /** Opens the audio context. The first call must come from a user gesture, or the browser blocks sound. */
  async wake(sampleRateHz = 32000) {
    if (this._context && this._context.sampleRate !== sampleRateHz) await this._shut();
    if (!this._context) this._open(sampleRateHz);
    if (this._context.state === "suspended") this._context.resume().catch(() => {});
  }

  /**
   * A source that is connected to the gain. Rejects where its worklet cannot be loaded.
   * @param {keyof typeof WORKLETS} name
   * @param {number} sampleRateHz
   * @param {object} processorOptions
   * @returns {Promise<AudioWorkletNode>}
   */
  async source(name, sampleRateHz, processorOptions = {}) {
    await this.wake(sampleRateHz);
    const context = this._context;
    await this._load(name);
    if (context !== this._context) throw new DOMException("the rate has changed", "AbortError");
    const node = new AudioWorkletNode(context, name, { outputChannelCount: [2], processorOptions });
    node.connect(this._gain);
    return node;
  }

  /** @param {number} value */
  set volume(value) {
    this._volume = value;
    this._glide();
  }

  /** Plays 8 dB below the volume while something is spoken. @param {boolean} isDucked */
  set isDucked(isDucked) {
    this._isDucked = isDucked;
    this._glide();
  }

  get _level() {
    return this._volume * (this._isDucked ? DUCKED : 1);
  }

  _glide() {
    if (this._gain) this._gain.gain.setTargetAtTime(this._level, this._context.currentTime, GLIDE_S);
  }

  /** Root mean square of what sounds now, from 0 to 1. */
  get level() {
    if (!this._meter) return 0;
    this._meter.getFloatTimeDomainData(this._samples);
    let squares = 0;
    for (const sample of this._samples) squares += sample * sample;
    return Math.sqrt(squares / this._samples.length);
  }

  /** Level, bass and treble of what sounds now, each from 0 to 1. */
  get bands() {
    const level = Math.min(1, 3 * this.level);
    if (!this._meter) return { level, low: 0, high: 0 };
    this._meter.getByteFrequencyData(this._bins);
    const perBin = this._context.sampleRate / this._meter.fftSize;
    /** @param {number} fromHz @param {number} toHz */
    const mean = (fromHz, toHz) => {
      const bins = this._bins.subarray(Math.max(1, Math.floor(fromHz / perBin)), Math.min(this._bins.length, Math.ceil(toHz / perBin)));
      return bins.reduce((sum, value) => sum + value, 0) / (255 * Math.max(1, bins.length));
    };
    return { level, low: mean(30, 200), high: mean(2500, 8000) };
  }

  /** @param {number} sampleRateHz */
  _open(sampleRateHz) {
    this._context = new AudioContext({ sampleRate: sampleRateHz, latencyHint: "interactive" });
    this._gain = new GainNode(this._context, { gain: this._level });
    this._meter = new AnalyserNode(this._context, { fftSize: this._samples.length });
    this._gain.connect(this._meter).connect(this._context.destination);
  }

  async _shut() {
    const context = this._context;
    this._context = null;
    this._modules.clear();
    this.dispatchEvent(new Event("shut"));
    await context.close();
  }

  /** @param {keyof typeof WORKLETS} name */
  _load(name) {
    if (!this._modules.has(name)) {
      const loading = this._context.audioWorklet.addModule(WORKLETS[name]);
      loading.catch(() => this._modules.delete(name)); // the next press tries again
      this._modules.set(name, loading);
    }
    return this._modules.get(name);
  }
}
