// Streaming of a take, resumed after broken connections.

import * as api from "./api.js";
import { Take } from "../sound/take.js";
import { WavReader } from "../sound/wav.js";

/** @typedef {{ waiting?(place: number, waitS: number | null): void, started(take: Take): void, grew(take: Take): void, resuming(take: Take): void }} TakeListener */

const TRIES_MAX = 3;

/**
 * Makes a take: calls `on.started` once, `on.grew` after every block, `on.resuming` where the connection broke.
 * @param {GenerationBody} body
 * @param {AbortSignal} signal
 * @param {TakeListener} on
 */
export async function makeTake(body, signal, on) {
  const stream = await api.openTake(body, signal);
  const take = await begin(stream, { ...body, seed: stream.seed }, on);
  for (let tries = 1; !take.isWhole; tries += 1) {
    if (signal.aborted) throw new DOMException("stopped", "AbortError");
    if (tries > TRIES_MAX) throw new api.ApiError(null);
    on.resuming(take);
    await pause(500 * tries);
    await resume(take, signal, on);
  }
  return take;
}

/**
 * Fetches a finished take; after a 404 the same request makes the same music again.
 * @param {string} requestId
 * @param {GenerationBody} body
 * @param {AbortSignal} signal
 * @param {TakeListener} on
 */
export async function fetchTake(requestId, body, signal, on) {
  try {
    const stream = await api.openTakeAudio(requestId, signal);
    const take = await begin(stream, body, on);
    if (!take.isWhole) throw new api.ApiError(null);
    return take;
  } catch (error) {
    if (error.status !== 404 || !body.prompt || body.isLive) throw error; // live music is played once
    return makeTake({ ...body, request_id: requestId }, signal, on);
  }
}

/**
 * @param {TakeStreamInfo} stream
 * @param {GenerationBody} body
 * @param {TakeListener} on
 */
async function begin(stream, body, on) {
  if (stream.place) on.waiting?.(stream.place, stream.waitS);
  const wav = new WavReader();
  /** @type {Take | undefined} */
  let take;
  await readAll(stream.reader, (bytes) => {
    const pcm = wav.push(bytes);
    if (!take && wav.header) {
      take = new Take({ ...wav, requestId: stream.requestId, body, stream });
      on.started(take);
    }
    if (take && pcm.length) {
      take.append(pcm);
      on.grew(take);
    }
  });
  if (!take) throw new api.ApiError(null);
  return take;
}

/**
 * @param {Take} take
 * @param {AbortSignal} signal
 * @param {TakeListener} on
 */
async function resume(take, signal, on) {
  const body = { ...take.body, request_id: take.requestId, resume_sample_offset: take.madeCount };
  if (!take.isSeedAsked) delete body.seed;
  let stream;
  try {
    stream = await api.openTake(body, signal);
  } catch (error) {
    if (error.status) throw error;
    return; // still no connection; the next try waits longer
  }
  const wav = new WavReader({ isRaw: true, channelCount: take.channelCount });
  await readAll(stream.reader, (bytes) => {
    take.append(wav.push(bytes));
    on.grew(take);
  });
}

/**
 * Reads to the end, or until the connection breaks; the bytes received so far are kept.
 * @param {ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>} reader
 * @param {(bytes: Uint8Array<ArrayBuffer>) => void} onBytes
 */
async function readAll(reader, onBytes) {
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      onBytes(value);
    }
  } catch (error) {
    if (error.name === "AbortError") throw error;
  }
}

/** @param {number} ms */
const pause = (ms) => new Promise((done) => setTimeout(done, ms));
