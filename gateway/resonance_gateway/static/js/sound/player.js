// Player of takes: one worklet, which holds the open takes.
// The audio context is the engine's, at the take's sample rate.

const KEPT_TAKES = 6;

export class Player extends EventTarget {
  /** @param {import("./engine.js").Engine} engine */
  constructor(engine) {
    super();
    this._engine = engine;
    /** @type {import("./take.js").Take | null} */
    this.take = null;
    this.positionS = 0;
    this.state = "paused";
    this.gapCount = 0;
    /** @type {{ fromS: number, toS: number } | null} */
    this.loop = null;
    this._order = 0;
    /** @type {Map<string, number>} */
    this._sent = new Map();
    /** @type {AudioWorkletNode | null} */
    this._node = null;
    /** @type {Promise<void> | null} */
    this._opening = null;
    engine.addEventListener("shut", () => {
      this._node = null;
      this._opening = null;
      this._sent.clear();
    });
  }

  /** Opens the audio context and the worklet. The first call must come from a user gesture, or the browser blocks sound. */
  async wake(sampleRateHz = 32000) {
    await this._engine.wake(sampleRateHz);
    this._opening ??= this._open(sampleRateHz).catch((error) => {
      this._opening = null;
      throw error;
    });
    await this._opening;
  }

  /** @param {number} sampleRateHz */
  async _open(sampleRateHz) {
    this._node = await this._engine.source("take-player", sampleRateHz);
    this._node.port.onmessage = ({ data }) => this._onReport(data);
  }

  /**
   * Puts a take into the player at a position; other versions stay ready for comparing.
   * @param {import("./take.js").Take} take
   */
  async use(take, { positionS = 0, gain = 1 } = {}) {
    if (this.take !== take) this.loop = null;
    this.take = take;
    this.positionS = positionS;
    this._gainOfTake = gain;
    if (this._node || navigator.userActivation?.hasBeenActive) await this._load();
    this._changed();
  }

  /** Loads the take into the worklet. After a reload there is no context before the first press; `play` loads then. */
  async _load() {
    const take = this.take;
    await this.wake(take.sampleRateHz);
    if (take !== this.take) return;
    this._sync(take);
    const position = Math.round(this.positionS * take.sampleRateHz);
    this._command({ do: "use", id: take.requestId, position, gain: this._gainOfTake });
    this._tellLoop();
    if (this.isPlaying) this._command({ do: "play" });
    this._forget();
  }

  /**
   * Sends the samples that were added since the last call.
   * @param {import("./take.js").Take} take
   */
  grew(take) {
    if (this._sent.has(take.requestId)) this._sync(take);
  }

  play() {
    if (this.positionS >= this.take.durationS - 0.01) this.seek(0);
    this._set("buffering");
    if (!this._sent.has(this.take.requestId)) {
      this._load().catch(() => this._set("broken"));
      return;
    }
    this._engine.wake(this.take.sampleRateHz).catch(() => this._set("broken"));
    this._command({ do: "play" });
  }

  pause() {
    this._command({ do: "pause" });
    this._set("paused");
  }

  toggle() {
    if (!this.take) return;
    if (this.isPlaying) this.pause();
    else this.play();
  }

  get isPlaying() {
    return this.state === "playing" || this.state === "buffering";
  }

  /** @param {number} seconds */
  seek(seconds) {
    this.positionS = Math.max(0, Math.min(seconds, this.take.madeS));
    this._command({ do: "seek", position: Math.round(this.positionS * this.take.sampleRateHz) });
    this._changed();
  }

  /**
   * Repeats a part of the take; null plays on.
   * @param {{ fromS: number, toS: number } | null} part
   */
  repeat(part) {
    this.loop = part;
    this._tellLoop();
    this._changed();
  }

  _tellLoop() {
    const rate = this.take?.sampleRateHz ?? 1;
    const { loop } = this;
    this._command({ do: "loop", from: loop ? Math.round(loop.fromS * rate) : 0, to: loop ? Math.round(loop.toS * rate) : 0 });
  }

  /** @param {import("./take.js").Take} take */
  _sync(take) {
    const id = take.requestId;
    if (!this._sent.has(id)) {
      this._send({ do: "open", id, length: take.sampleCount, channelCount: take.channelCount });
      this._sent.set(id, 0);
    }
    const sent = this._sent.get(id);
    if (take.madeCount > sent) {
      const samples = take.samples.slice(sent * take.channelCount, take.madeCount * take.channelCount);
      this._send({ do: "append", id, samples }, [samples.buffer]);
      this._sent.set(id, take.madeCount);
    }
  }

  _forget() {
    for (const id of this._sent.keys()) {
      if (this._sent.size <= KEPT_TAKES) return;
      if (id !== this.take.requestId) {
        this._send({ do: "drop", id });
        this._sent.delete(id);
      }
    }
  }

  /** @param {{ position: number, state: string, gap?: boolean, order?: number }} report */
  _onReport({ position, state, gap, order }) {
    if (gap) this.gapCount += 1;
    if (gap || order !== this._order) return; // a report from before the last command
    this.positionS = position / this.take.sampleRateHz;
    this._set(state);
  }

  /**
   * A message that changes what is played; reports echo its number.
   * @param {any} message
   */
  _command(message) {
    if (!this._node) return;
    this._order += 1;
    this._send({ ...message, order: this._order });
  }

  /**
   * @param {any} message
   * @param {Transferable[]} transfer
   */
  _send(message, transfer = []) {
    this._node.port.postMessage(message, transfer);
  }

  /** @param {string} state */
  _set(state) {
    this.state = state;
    this._changed();
  }

  _changed() {
    this.dispatchEvent(new Event("change"));
  }
}
