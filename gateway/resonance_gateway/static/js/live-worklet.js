// Plays chunks as they come and forgets them: waits for a small lead, fades softly into and out of gaps.

const FADE_S = 0.01;
const LEAD_FIRST_S = 0.12;
const LEAD_MAX_S = 1;

class LivePlayer extends AudioWorkletProcessor {
  constructor({ processorOptions }) {
    super();
    this._channelCount = processorOptions.channelCount;
    this._chunks = [];
    this._at = 0; // in the first chunk, in samples of one channel
    this._left = 0;
    this._leadS = LEAD_FIRST_S;
    this._isWaiting = true;
    this._level = 0;
    this.port.onmessage = ({ data }) => {
      this._chunks.push(data.samples);
      this._left += data.samples.length / this._channelCount;
    };
  }

  process(inputs, [output]) {
    if (this._isWaiting && this._left >= this._leadS * sampleRate) this._isWaiting = false;
    const step = 1 / (FADE_S * sampleRate);
    for (let i = 0; i < output[0].length; i += 1) {
      const target = this._isWaiting || this._left * step < 1 ? 0 : 1;
      this._level += Math.max(-step, Math.min(step, target - this._level));
      if (this._level > 0 && this._left > 0) this._take(output, i);
      else if (!this._isWaiting) this._rest();
    }
    return true;
  }

  _take(output, i) {
    const chunk = this._chunks[0];
    for (let c = 0; c < output.length; c += 1) {
      const at = this._at * this._channelCount + Math.min(c, this._channelCount - 1);
      output[c][i] = (chunk[at] / 32768) * this._level;
    }
    this._at += 1;
    this._left -= 1;
    if (this._at * this._channelCount >= chunk.length) {
      this._chunks.shift();
      this._at = 0;
    }
  }

  /** After a gap the next lead is longer, so that a slow machine stutters less and less. */
  _rest() {
    this._isWaiting = true;
    this._leadS = Math.min(LEAD_MAX_S, this._leadS * 2);
  }
}

registerProcessor("live-player", LivePlayer);
