// Take: samples, waveform peaks and facts.

const PEAK_COUNT = 480;

export class Take {
  /**
   * @param {{ requestId: string, body: GenerationBody, stream: TakeStreamInfo, sampleRateHz: number, channelCount: number,
   *   sampleCount: number, header: Uint8Array<ArrayBuffer> }} opening
   */
  constructor({ requestId, body, stream, sampleRateHz, channelCount, sampleCount, header }) {
    this.requestId = requestId;
    this.body = body;
    this.stream = stream;
    this.sampleRateHz = sampleRateHz;
    this.channelCount = channelCount;
    this.sampleCount = sampleCount;
    this.header = header;
    this.isSeedAsked = false;
    /** The example piece of a first visit, which no library has. */
    this.isExample = false;
    this.samples = new Int16Array(sampleCount * channelCount);
    this.peaks = new Float32Array(PEAK_COUNT);
    this.madeCount = 0;
    this._squares = 0;
  }

  get durationS() {
    return this.sampleCount / this.sampleRateHz;
  }

  get madeS() {
    return this.madeCount / this.sampleRateHz;
  }

  get isWhole() {
    return this.madeCount >= this.sampleCount;
  }

  /** Root mean square of what is there, for equal loudness. */
  get loudness() {
    return Math.sqrt(this._squares / Math.max(1, this.madeCount * this.channelCount)) || 1;
  }

  /**
   * Adds the next samples (interleaved 16-bit).
   * @param {Int16Array} pcm
   */
  append(pcm) {
    const begin = this.madeCount * this.channelCount;
    const fitting = pcm.subarray(0, this.samples.length - begin);
    this.samples.set(fitting, begin);
    for (let i = 0; i < fitting.length; i += 1) {
      const value = Math.abs(fitting[i]) / 32768;
      this._squares += value * value;
      const bin = Math.floor(((begin + i) / this.samples.length) * PEAK_COUNT);
      if (value > this.peaks[bin]) this.peaks[bin] = value;
    }
    this.madeCount += fitting.length / this.channelCount;
    return fitting;
  }
}
