// The only file that talks to the server.

const TASTES = "/v1/tastes";
const TAKES = "/v1/takes";
const CALIBRATION_JOBS = "/v1/calibration-jobs";

/** A refusal of the server, or the lack of one. `problem` is the RFC 9457 document, or null. */
export class ApiError extends Error {
  constructor(problem, retryAfterS = null) {
    super(problem ? problem.detail : "network");
    this.problem = problem;
    this.retryAfterS = retryAfterS;
  }

  get status() {
    return this.problem ? this.problem.status : 0;
  }
}

/** 128 random bits as lower-case hexadecimal; the same id sent twice is the same thing. */
export function newRequestId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export const getModels = async () => (await getJson("/v1/models")).models;
export const getConcepts = async () => (await getJson("/v1/concepts")).concepts;
export const listTastes = async () => (await getJson(`${TASTES}?page_size=50`)).tastes;
export const getTaste = (id) => getJson(`${TASTES}/${id}`);
export const getTasteRange = (id) => getJson(`${TASTES}/${id}/calibration`);
export const findTasteRange = (id) => sendJson(`${TASTES}/${id}/calibration`, {});
export const getCalibrationJob = (id) => getJson(`${CALIBRATION_JOBS}/${id}`);
export const cancelCalibrationJob = (id) => sendJson(`${CALIBRATION_JOBS}/${id}/cancel`, {});
export const cancelTaste = (id) => sendJson(`${TASTES}/${id}/cancel`, {});
export const retryTaste = (id) => sendJson(`${TASTES}/${id}/retry`, {});
export const submitLink = (url, options, requestId) => sendJson(TASTES, { url, options, request_id: requestId });
export const refine = (text, sliders, previous) => sendJson("/v1/refinements", { text, sliders, ...(previous ? { previous } : {}) });
export const listTakes = (pageToken = "") => getJson(`${TAKES}?page_size=12&page_token=${encodeURIComponent(pageToken)}`);
export const getTake = (id) => getJson(`${TAKES}/${id}`);
export const takeAudioUrl = (id) => `${TAKES}/${id}/audio`;

export const makeLink = (id, expireS) => sendJson(`${TAKES}/${id}/link`, { expire_s: expireS });

export async function deleteLink(id) {
  await ask(`/v1/links/${id}`, { method: "DELETE" });
}

export async function deleteTake(id) {
  await ask(`${TAKES}/${id}`, { method: "DELETE" });
}

/**
 * Sends files; text fields go before them, so that the server can pass the files on as they come. `signal` stops it while bytes are still
 * on their way; what has arrived whole is a taste, which is answered and can be cancelled.
 */
export async function uploadFiles(files, options, requestId, signal) {
  const form = new FormData();
  form.append("request_id", requestId);
  form.append("options", JSON.stringify(options));
  for (const file of files) form.append("files", file, file.name);
  return (await ask(TASTES, { body: form, signal }, sendForm)).json();
}

/** Calls `onNews` with the taste or calibration job at every change until it is final; returns a function that stops watching. */
export const watchTaste = (id, onNews, onLost) => watch(`${TASTES}/${id}/events`, "taste", onNews, onLost);
export const watchCalibrationJob = (id, onNews, onLost) => watch(`${CALIBRATION_JOBS}/${id}/events`, "job", onNews, onLost);

function watch(url, name, onNews, onLost) {
  const source = new EventSource(url);
  source.addEventListener(name, (event) => {
    const news = JSON.parse(event.data);
    if (isFinal(news)) source.close();
    onNews(news);
  });
  source.addEventListener("problem", (event) => {
    source.close();
    onLost(new ApiError(JSON.parse(event.data)));
  });
  source.addEventListener("error", () => {
    if (source.readyState === EventSource.CLOSED) onLost(new ApiError(null));
  });
  return () => source.close();
}

export const isFinal = ({ state }) => ["completed", "failed", "cancelled"].includes(state);

/** Opens a take's stream: its headers at once, then its bytes. `signal` stops it at the server, too. */
export async function openTake(body, signal) {
  const response = await ask("/v1/generations", { method: "POST", ...json(body), signal });
  return streamOf(response);
}

/** Opens a finished take's audio once more. */
export async function openTakeAudio(id, signal) {
  return streamOf(await ask(takeAudioUrl(id), { signal }));
}

function streamOf(response) {
  const header = (name) => response.headers.get(name) || "";
  const steering = header("X-Steering");
  return {
    reader: response.body.getReader(),
    byteCount: Number(header("Content-Length")),
    requestId: header("X-Request-Id"),
    sampleRateHz: Number(header("X-Sample-Rate")),
    durationS: Number(header("X-Duration-S")),
    backend: header("X-Backend"),
    model: header("X-Model"),
    steering: steering && steering !== "none" ? JSON.parse(steering) : null,
    seed: Number(header("X-Seed")),
    notices: header("X-Notices") ? JSON.parse(header("X-Notices")) : [],
  };
}

/**
 * Opens a performance with its first recipe. `hear.event(event)`, `hear.samples(Int16Array)`, and at the end `hear.ended(error or null)`.
 * `send(control)` changes it.
 */
export function openPerformance(opening, hear) {
  const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/v1/performances`);
  socket.binaryType = "arraybuffer";
  let error = new ApiError(null);
  socket.addEventListener("open", () => socket.send(JSON.stringify(opening)));
  socket.addEventListener("message", ({ data }) => {
    if (typeof data !== "string") {
      hear.samples(new Int16Array(data));
      return;
    }
    const event = JSON.parse(data);
    if (event.type === "finished") error = null;
    if (event.type === "problem") error = new ApiError(event.problem, event.problem.retry_after_s ?? null);
    hear.event(event);
  });
  socket.addEventListener("close", () => hear.ended(error));
  return {
    send: (control) => socket.readyState === WebSocket.OPEN && socket.send(JSON.stringify(control)),
    close: () => socket.close(),
  };
}

let signIn = async () => false;

/** `ask()` is called where the server wants a key; true means that it has one now. */
export function onKeyWanted(ask) {
  signIn = ask;
}

/** Gives the server a key, which it puts into a cookie that no script can read. The response, or null where there was none. */
export const giveKey = (key) => fetch("/v1/session", { method: "POST", ...json({ key }) }).catch(() => null);

const json = (body) => ({ body: JSON.stringify(body), headers: { "Content-Type": "application/json" } });
const getJson = async (url) => (await ask(url)).json();
const sendJson = async (url, body) => (await ask(url, { method: "POST", ...json(body) })).json();

/** A POST as `fetch` does it, but for its `signal`, which counts only until the last byte is sent: `fetch` cannot tell when that is. */
function sendForm(url, { body, signal }) {
  return new Promise((answer, fail) => {
    const request = new XMLHttpRequest();
    const stop = () => request.abort();
    request.open("POST", url);
    request.upload.addEventListener("load", () => signal.removeEventListener("abort", stop));
    request.addEventListener("load", () => {
      const headers = { "Retry-After": request.getResponseHeader("Retry-After") || "" };
      answer(new Response(request.response, { status: request.status, headers }));
    });
    request.addEventListener("error", () => fail(new TypeError("network")));
    request.addEventListener("abort", () => fail(new DOMException("stopped", "AbortError")));
    signal.addEventListener("abort", stop);
    request.send(body);
  });
}

async function ask(url, options = {}, send = fetch) {
  let response;
  try {
    response = await send(url, options);
  } catch (failure) {
    if (failure.name === "AbortError") throw failure;
    throw new ApiError(null);
  }
  if (response.ok) return response;
  if (response.status === 401 && (await signIn())) return ask(url, options, send);
  const problem = await response.json().catch(() => null);
  throw new ApiError(problem, Number(response.headers.get("Retry-After")) || null);
}
