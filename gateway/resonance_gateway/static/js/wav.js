// WAV, as our server writes it: 44 bytes, then 16-bit little-endian samples.

const HEADER_BYTES = 44;

/** Feeds bytes as they come; gives back the header once, and whole samples. */
export class WavReader {
  constructor({ isRaw = false, channelCount = 1 } = {}) {
    this.channelCount = channelCount;
    this.sampleRateHz = 0;
    this.sampleCount = 0;
    this._needsHeader = !isRaw;
    this._left = new Uint8Array(0);
  }

  /** The whole frames in `bytes` and what was left before, as an Int16Array (interleaved). */
  push(bytes) {
    let data = joined(this._left, bytes);
    if (this._needsHeader) {
      if (data.length < HEADER_BYTES) {
        this._left = data;
        return new Int16Array(0);
      }
      this._readHeader(data);
      data = data.slice(HEADER_BYTES);
    }
    const frameBytes = 2 * this.channelCount;
    const whole = data.length - (data.length % frameBytes);
    this._left = data.slice(whole);
    return new Int16Array(data.slice(0, whole).buffer);
  }

  _readHeader(data) {
    const view = new DataView(data.buffer, data.byteOffset, HEADER_BYTES);
    this.channelCount = view.getUint16(22, true);
    this.sampleRateHz = view.getUint32(24, true);
    this.sampleCount = view.getUint32(40, true) / (2 * this.channelCount);
    this._needsHeader = false;
  }
}

/** A WAV file of these samples: what is downloaded is what was played. */
export function wavBlob(samples, sampleRateHz, channelCount) {
  const view = new DataView(new ArrayBuffer(HEADER_BYTES));
  const text = (at, letters) => [...letters].forEach((letter, i) => view.setUint8(at + i, letter.charCodeAt(0)));
  text(0, "RIFF"); view.setUint32(4, 36 + samples.byteLength, true); text(8, "WAVEfmt ");
  view.setUint32(16, 16, true); view.setUint16(20, 1, true); view.setUint16(22, channelCount, true);
  view.setUint32(24, sampleRateHz, true); view.setUint32(28, sampleRateHz * channelCount * 2, true);
  view.setUint16(32, channelCount * 2, true); view.setUint16(34, 16, true);
  text(36, "data"); view.setUint32(40, samples.byteLength, true);
  return new Blob([view.buffer, samples], { type: "audio/wav" });
}

function joined(left, right) {
  if (!left.length) return right;
  const whole = new Uint8Array(left.length + right.length);
  whole.set(left);
  whole.set(right, left.length);
  return whole;
}
