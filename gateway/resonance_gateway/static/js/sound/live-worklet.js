// AudioWorklet of live music.
// It plays chunks with a small lead, fades into and out of gaps, and skips sound that is queued too long.

const FADE_S = 0.01;
const LEAD_FIRST_S = 0.12;
const LEAD_MAX_S = 1;
// Live sound arrives in chunks of 0.2 s: samples that are never needed beyond the lead and one chunk are only delay.
const SPARE_S = 0.2;
const WATCH_S = 3;
const REPORT_S = 0.1;

class LivePlayer extends AudioWorkletProcessor {
  /** @param {{ processorOptions: { channelCount: number } }} options */
  constructor({ processorOptions }) {
    super();
    this._channelCount = processorOptions.channelCount;
    /** @type {Int16Array[]} */
    this._chunks = [];
    this._at = 0; // in the first chunk, in samples of one channel
    this._left = 0;
    this._leadS = LEAD_FIRST_S;
    this._isWaiting = true;
    this._hasBegun = false;
    this._level = 0;
    this._surplus = 0; // samples to skip as soon as it is silent
    this._isHeld = false;
    this._played = 0; // samples that were played or skipped
    this._untilReport = 0;
    this._watch();
    this.port.onmessage = ({ data }) => {
      if (data.hold !== undefined) {
        this._isHeld = data.hold;
        return;
      }
      this._chunks.push(data.samples);
      this._left += data.samples.length / this._channelCount;
    };
  }

  /**
   * @param {unknown} inputs
   * @param {Float32Array[][]} outputs
   */
  process(inputs, [output]) {
    if (this._isWaiting && !this._isHeld && this._left >= this._leadS * sampleRate) this._begin();
    const step = 1 / (FADE_S * sampleRate);
    for (let i = 0; i < output[0].length; i += 1) {
      const target = this._isHeld || this._isWaiting || this._surplus || this._left * step < 1 ? 0 : 1;
      this._level += Math.max(-step, Math.min(step, target - this._level));
      if (this._level > 0 && this._left > 0) this._take(output, i);
      else if (this._isHeld) continue;
      else if (this._surplus) this._skip();
      else if (!this._isWaiting) this._rest();
    }
    if (!this._isHeld) this._look(output[0].length);
    this._report(output[0].length);
    return true;
  }

  /**
   * Says ten times a second how far the music is heard, and how much of it waits.
   * @param {number} count
   */
  _report(count) {
    this._untilReport -= count;
    if (this._untilReport > 0) return;
    this._untilReport = REPORT_S * sampleRate;
    this.port.postMessage?.({ played: this._played, left: this._left });
  }

  /** Skips samples that arrived while this worklet was loading. */
  _begin() {
    this._isWaiting = false;
    const room = (this._leadS + SPARE_S) * sampleRate;
    if (!this._hasBegun && this._left > room) {
      this._surplus = Math.floor(this._left - room);
      this._skip();
    }
    this._hasBegun = true;
    this._watch();
  }

  /**
   * @param {Float32Array[]} output
   * @param {number} i
   */
  _take(output, i) {
    const chunk = this._chunks[0];
    for (let c = 0; c < output.length; c += 1) {
      const at = this._at * this._channelCount + Math.min(c, this._channelCount - 1);
      output[c][i] = (chunk[at] / 32768) * this._level;
    }
    this._move(1);
  }

  /** After a gap the next lead is longer, so that a slow machine stutters less and less. */
  _rest() {
    this._isWaiting = true;
    this._leadS = Math.min(LEAD_MAX_S, this._leadS * 2);
  }

  /**
   * Sound that was never needed for seconds (after a sleep, or beside a clock that runs fast) lies between the knob and the ear.
   * @param {number} count
   */
  _look(count) {
    this._least = Math.min(this._least, this._left);
    this._watched += count;
    if (this._watched < WATCH_S * sampleRate) return;
    const surplus = this._least - this._leadS * sampleRate;
    if (!this._isWaiting && surplus > SPARE_S * sampleRate) this._surplus = Math.floor(surplus);
    this._watch();
  }

  _watch() {
    this._least = Infinity;
    this._watched = 0;
  }

  _skip() {
    while (this._surplus > 0 && this._chunks.length) {
      const count = Math.min(this._surplus, this._chunks[0].length / this._channelCount - this._at);
      this._surplus -= count;
      this._move(count);
    }
    this._surplus = 0;
  }

  /** @param {number} count */
  _move(count) {
    this._at += count;
    this._left -= count;
    this._played += count;
    if (this._at * this._channelCount >= this._chunks[0].length) {
      this._chunks.shift();
      this._at = 0;
    }
  }
}

registerProcessor("live-player", LivePlayer);
