// AudioWorklet of takes.
// It plays samples while they arrive, with a small lead, and fades into and out of gaps.

const FADE_S = 0.02;
const REPORT_EVERY = 8; // blocks of 128 samples: about 30 reports a second
const LEAD_FIRST_S = 0.35;
const LEAD_MAX_S = 4;

class TakePlayer extends AudioWorkletProcessor {
  constructor() {
    super();
    this._takes = new Map();
    this._take = null;
    this._position = 0;
    this._isPlaying = false;
    this._isWaiting = false;
    this._leadS = LEAD_FIRST_S;
    this._level = 0;
    this._blocks = 0;
    this._order = 0;
    this._loopFrom = 0;
    this._loopTo = 0; // 0: no loop
    /** @type {Record<string, (data: any) => void>} */
    this._commands = {
      open: (data) => this._open(data),
      append: (data) => this._append(data),
      use: (data) => this._use(data),
      drop: (data) => this._drop(data),
      play: () => this._play(),
      pause: () => this._pause(),
      seek: (data) => this._seek(data),
      loop: (data) => this._loop(data),
    };
    this.port.onmessage = ({ data }) => {
      this._order = data.order ?? this._order;
      this._commands[data.do](data);
    };
  }

  /** @param {{ id: string, length: number, channelCount: number }} take */
  _open({ id, length, channelCount }) {
    this._takes.set(id, { samples: new Int16Array(length * channelCount), channelCount, length, made: 0, gain: 1 });
  }

  /** @param {{ id: string, samples: Int16Array }} block */
  _append({ id, samples }) {
    const take = this._takes.get(id);
    if (!take) return;
    take.samples.set(samples, take.made * take.channelCount);
    take.made += samples.length / take.channelCount;
  }

  /** @param {{ id: string, position: number, gain: number }} use */
  _use({ id, position, gain }) {
    this._take = this._takes.get(id);
    this._take.gain = gain;
    this._position = Math.min(position, this._take.length);
    this._leadS = LEAD_FIRST_S;
    this._isWaiting = true;
  }

  /** @param {{ id: string }} take */
  _drop({ id }) {
    this._takes.delete(id);
  }

  _play() {
    this._isPlaying = true;
    this._isWaiting = true;
  }

  _pause() {
    this._isPlaying = false;
  }

  /** @param {{ position: number }} target */
  _seek({ position }) {
    this._position = Math.max(0, Math.min(position, this._take.made));
    this._level = 0;
    this._isWaiting = true;
  }

  /** @param {{ from: number, to: number }} part */
  _loop({ from, to }) {
    this._loopFrom = from;
    this._loopTo = to;
  }

  /**
   * @param {unknown} inputs
   * @param {Float32Array[][]} outputs
   */
  process(inputs, [output]) {
    if (this._take) {
      this._checkLead();
      this._fill(output);
      if (this._blocks++ % REPORT_EVERY === 0) this._report();
    }
    return true;
  }

  /** After a gap the next lead is longer, so that a slow machine stutters less and less. */
  _checkLead() {
    if (!this._isWaiting) return;
    const { made, length } = this._take;
    if (made >= length || made - this._position >= this._leadS * sampleRate) this._isWaiting = false;
  }

  /** @param {Float32Array[]} output */
  _fill(output) {
    const take = this._take;
    const step = 1 / (FADE_S * sampleRate);
    for (let i = 0; i < output[0].length; i += 1) {
      const left = take.made - this._position;
      const runsDry = take.made < take.length && left * step < 1;
      const target = this._isPlaying && !this._isWaiting && !runsDry ? 1 : 0;
      this._level += Math.max(-step, Math.min(step, target - this._level));
      const sounds = this._level > 0 && left > 0;
      for (let c = 0; c < output.length; c += 1) {
        const at = this._position * take.channelCount + Math.min(c, take.channelCount - 1);
        output[c][i] = sounds ? (take.samples[at] / 32768) * this._level * take.gain : 0;
      }
      if (sounds) this._position += 1;
      else if (this._isPlaying) this._rest(left, take);
      if (this._loopTo && this._position >= Math.min(this._loopTo, take.length)) this._goRound();
    }
  }

  /** Back to where the loop begins, faded in so that the seam does not click. */
  _goRound() {
    this._position = this._loopFrom;
    this._level = 0;
  }

  /**
   * @param {number} left
   * @param {any} take
   */
  _rest(left, take) {
    if (this._position >= take.length) {
      this._isPlaying = false;
      this._report("ended");
    } else if (!this._isWaiting) {
      this._isWaiting = true;
      this._leadS = Math.min(LEAD_MAX_S, this._leadS * 2);
      this.port.postMessage({ gap: true });
    }
  }

  /** @param {string | undefined} state */
  _report(state = undefined) {
    const playing = this._isPlaying ? (this._isWaiting ? "buffering" : "playing") : "paused";
    this.port.postMessage({ position: this._position, state: state || playing, order: this._order });
  }
}

registerProcessor("take-player", TakePlayer);
