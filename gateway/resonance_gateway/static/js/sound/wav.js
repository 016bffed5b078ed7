// Incremental WAV reader.

const RIFF_BYTES = 12;
const CHUNK_BYTES = 8;

/** Incremental WAV parser: `push` takes bytes and returns whole samples; `header` is set once it is complete. */
export class WavReader {
  constructor({ isRaw = false, channelCount = 1 } = {}) {
    this.channelCount = channelCount;
    this.sampleRateHz = 0;
    this.sampleCount = 0;
    /** @type {Uint8Array<ArrayBuffer> | null} */
    this.header = null;
    this._needsHeader = !isRaw;
    // Bytes of samples still to come: chunks may follow them, such as content credentials.
    this._bytesLeft = Infinity;
    this._left = new Uint8Array(0);
  }

  /**
   * The whole frames of `bytes` and of the rest of the last call, as an Int16Array (interleaved).
   * @param {Uint8Array<ArrayBuffer>} bytes
   */
  push(bytes) {
    let data = joined(this._left, bytes);
    if (this._needsHeader) {
      const headerBytes = this._readHeader(data);
      if (!headerBytes) {
        this._left = data;
        return new Int16Array(0);
      }
      this.header = data.slice(0, headerBytes);
      this._needsHeader = false;
      data = data.slice(headerBytes);
      this._bytesLeft = this.sampleCount * 2 * this.channelCount;
    }
    data = data.slice(0, this._bytesLeft);
    const frameBytes = 2 * this.channelCount;
    const whole = data.length - (data.length % frameBytes);
    this._left = data.slice(whole);
    this._bytesLeft -= whole;
    return new Int16Array(data.slice(0, whole).buffer);
  }

  /**
   * Walks the chunks up to the samples. Returns their offset, or 0 while the header is incomplete.
   * @param {Uint8Array<ArrayBuffer>} data
   */
  _readHeader(data) {
    const view = new DataView(data.buffer, data.byteOffset, data.length);
    for (let at = RIFF_BYTES; at + CHUNK_BYTES <= data.length; ) {
      const name = String.fromCharCode(...data.subarray(at, at + 4));
      const size = view.getUint32(at + 4, true);
      const begin = at + CHUNK_BYTES;
      if (name === "data") {
        this.sampleCount = size / (2 * this.channelCount);
        return begin;
      }
      if (name === "fmt " && begin + size <= data.length) {
        this.channelCount = view.getUint16(begin + 2, true);
        this.sampleRateHz = view.getUint32(begin + 4, true);
      }
      at = begin + size + (size % 2);
    }
    return 0;
  }
}

/**
 * @param {Uint8Array<ArrayBuffer>} left
 * @param {Uint8Array<ArrayBuffer>} right
 */
function joined(left, right) {
  if (!left.length) return right;
  const whole = new Uint8Array(left.length + right.length);
  whole.set(left);
  whole.set(right, left.length);
  return whole;
}
