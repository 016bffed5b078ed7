// A take's bytes from the server into a Take, picked up again where a line breaks.

import * as api from "./api.js";
import { Take } from "./take.js";
import { WavReader } from "./wav.js";

const TRIES_MAX = 3;

/** Makes a take: `hear.started(take)`, `hear.grew(take, pcm)` many times, `hear.resuming(take)` where a line broke. */
export async function makeTake(body, signal, hear) {
  const stream = await api.openTake(body, signal);
  const take = await begin(stream, { ...body, seed: stream.seed }, hear);
  for (let tries = 1; !take.isWhole; tries += 1) {
    if (signal.aborted) throw new DOMException("stopped", "AbortError");
    if (tries > TRIES_MAX) throw new api.ApiError(null);
    hear.resuming(take);
    await pause(500 * tries);
    await resume(take, signal, hear);
  }
  return take;
}

/** Gets a finished take again; where the server has forgotten it, the same request makes the same music. */
export async function fetchTake(requestId, body, signal, hear) {
  try {
    const stream = await api.openTakeAudio(requestId, signal);
    const take = await begin(stream, body, hear);
    if (!take.isWhole) throw new api.ApiError(null);
    return take;
  } catch (error) {
    if (error.status !== 404 || !body.prompt) throw error;
    return makeTake({ ...body, request_id: requestId }, signal, hear);
  }
}

async function begin(stream, body, hear) {
  const wav = new WavReader();
  let take = null;
  await readAll(stream.reader, (bytes) => {
    const pcm = wav.push(bytes);
    if (!take && wav.header) {
      take = new Take({ ...wav, requestId: stream.requestId, body, stream });
      hear.started(take);
    }
    if (take && pcm.length) {
      take.append(pcm);
      hear.grew(take);
    }
  });
  if (!take) throw new api.ApiError(null);
  return take;
}

async function resume(take, signal, hear) {
  const body = { ...take.body, request_id: take.requestId, resume_sample_offset: take.madeCount };
  if (!take.isSeedAsked) delete body.seed;
  let stream;
  try {
    stream = await api.openTake(body, signal);
  } catch (error) {
    if (error.status) throw error;
    return; // still no line; the next try waits longer
  }
  const wav = new WavReader({ isRaw: true, channelCount: take.channelCount });
  await readAll(stream.reader, (bytes) => {
    take.append(wav.push(bytes));
    hear.grew(take);
  });
}

/** Reads to the end or to where the line breaks; what came is kept either way. */
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

const pause = (ms) => new Promise((done) => setTimeout(done, ms));
