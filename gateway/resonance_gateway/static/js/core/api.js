// REST client: the only file that sends requests itself. Paths are relative to the page, which may lie below a prefix.

const TASTES = "v1/tastes";
const TAKES = "v1/takes";
const CALIBRATION_JOBS = "v1/calibration-jobs";

/** An error of the server, or a broken connection. `problem` is the RFC 9457 document, or null without an answer. */
export class ApiError extends Error {
  /**
   * @param {ProblemJson | null} problem
   * @param {number | null} retryAfterS
   */
  constructor(problem, retryAfterS = null) {
    super(problem ? problem.detail : "network");
    this.problem = problem;
    this.retryAfterS = retryAfterS;
    /** @type {string | undefined} */
    this.words = undefined;
  }

  get status() {
    return this.problem ? this.problem.status : 0;
  }
}

/** A request id: 128 random bits as lower-case hexadecimal. The same id sent twice is the same taste or take. */
export function newRequestId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * The loaded models, the backends that requests can name, and the model at Google that reads wishes (empty for none).
 * @returns {Promise<{ models: ModelJson[], backends: BackendJson[], reader: string | null }>}
 */
export const getModels = () => getJson("v1/models");
/**
 * What the caller used; sums at Google are null where there is no key.
 * @returns {Promise<{ google_usd: { used: number, limit: number | null } | null }>}
 */
export const getUsage = () => getJson("v1/usage");
/**
 * The voices, and who writes down what is said.
 * @returns {Promise<{ voices: VoiceJson[], recognizer: RecognizerJson | null }>}
 */
export const getVoices = () => getJson("v1/voices");
/**
 * A version of a take with words spoken over it.
 * @param {string} takeId
 * @param {{ script: string, voice: string }} body
 * @returns {Promise<TakeJson>}
 */
export const narrate = (takeId, body) => sendJson(`${TAKES}/${takeId}/narrations`, body);
/**
 * What is said in a recording.
 * @param {Blob} recording
 * @returns {Promise<{ text: string, confidence: number }>}
 */
export const transcribe = async (recording) => {
  const type = recording.type.split(";")[0] || "application/octet-stream";
  return (await ask("v1/transcriptions", { method: "POST", body: recording, headers: { "Content-Type": type } })).json();
};
/**
 * @returns {Promise<AdoptionJson>}
 */
/** Tables of the live picture. @returns {Promise<import("../pictures/scene/words.js").SceneTables>} */
export const getScenes = () => getJson("static/scenes.json");

export const getAdoption = () => getJson("v1/adoption");
/**
 * @returns {Promise<ConceptJson[]>}
 */
export const getConcepts = async () => (await getJson("v1/concepts")).concepts;
/**
 * @returns {Promise<TasteJson[]>}
 */
export const listTastes = async () => (await getJson(`${TASTES}?page_size=50`)).tastes;
/**
 * @param {string} id
 * @returns {Promise<TasteJson>}
 */
export const getTaste = (id) => getJson(`${TASTES}/${id}`);
/**
 * @param {string} id
 * @returns {Promise<TasteRangeJson>}
 */
export const getTasteRange = (id) => getJson(`${TASTES}/${id}/calibration`);
/**
 * @param {string} id
 * @returns {Promise<CalibrationJobJson>}
 */
export const findTasteRange = (id) => sendJson(`${TASTES}/${id}/calibration`, {});
/**
 * @param {string} id
 * @returns {Promise<CalibrationJobJson>}
 */
export const getCalibrationJob = (id) => getJson(`${CALIBRATION_JOBS}/${id}`);
/**
 * @param {string} id
 * @returns {Promise<CalibrationJobJson>}
 */
export const cancelCalibrationJob = (id) => sendJson(`${CALIBRATION_JOBS}/${id}/cancel`, {});
/**
 * @param {string} id
 * @returns {Promise<TasteJson>}
 */
export const cancelTaste = (id) => sendJson(`${TASTES}/${id}/cancel`, {});
/**
 * @param {string} id
 * @returns {Promise<TasteJson>}
 */
export const retryTaste = (id) => sendJson(`${TASTES}/${id}/retry`, {});
/**
 * @param {string} url
 * @param {TasteOptionsJson} options
 * @param {string} requestId
 * @returns {Promise<TasteJson>}
 */
export const submitLink = (url, options, requestId) => sendJson(TASTES, { url, options, request_id: requestId });
/**
 * @param {string} text
 * @param {SlidersThen} now
 * @param {SlidersThen | undefined} before
 * @param {string} prompt
 * @returns {Promise<RefinementJson>}
 */
export const refine = (text, now, before, prompt) => sendJson("v1/refinements", {
  text, sliders: now.sliders, concepts: now.own.map(at), prompt,
  ...(before ? { previous: before.sliders, previous_concepts: before.own.map(at) } : {}),
});
/** @param {OwnSlider} own */
const at = ({ name, position }) => ({ name, position });
/**
 * @param {string} pageToken
 * @param {number} pageSize
 * @returns {Promise<{ takes: TakeJson[], next_page_token: string }>}
 */
export const listTakes = (pageToken = "", pageSize = 12) => getJson(`${TAKES}?page_size=${pageSize}&page_token=${encodeURIComponent(pageToken)}`);
/**
 * @param {string} id
 * @returns {Promise<TakeJson>}
 */
export const getTake = (id) => getJson(`${TAKES}/${id}`);
/**
 * Which recipe acted from which sample of a take.
 * @param {string} id
 * @returns {Promise<TimelineJson>}
 */
export const getTimeline = (id) => getJson(`${TAKES}/${id}/timeline`);
/**
 * The lanes of a take: what was moved when.
 * @param {string} id
 * @returns {Promise<LanesJson>}
 */
export const getLanes = (id) => getJson(`${TAKES}/${id}/lanes`);
/**
 * What lanes ask for: the body of a generation, and what will be otherwise than in their file.
 * @param {LanesJson} lanes
 * @returns {Promise<{ generation: GenerationBody, notices: string[] }>}
 */
export const askLanes = (lanes) => sendJson("v1/lanes/request", lanes);
/**
 * Makes several takes of one request and waits for all of them; an abort stops them.
 * @param {GenerationBody} body
 * @param {AbortSignal} signal
 * @returns {Promise<VariationJson[]>}
 */
export const makeVariations = async (body, signal) =>
  (await (await ask("v1/generations", { method: "POST", ...json(body), signal })).json()).variations;
/**
 * @param {string} id
 */
export const takeAudioUrl = (id) => `${TAKES}/${id}/audio`;
/**
 * @param {string} id
 * @param {number} expireS
 * @returns {Promise<LinkJson>}
 */
export const makeLink = (id, expireS) => sendJson(`${TAKES}/${id}/link`, { expire_s: expireS });

/**
 * @param {string} id
 */
export const deleteLink = (id) => deleteAt(`v1/links/${id}`);

/**
 * @param {string} id
 */
export const deleteTake = (id) => deleteAt(`${TAKES}/${id}`);

/**
 * Uploads files as a taste; text fields go before the files, so that the server can stream the files on. `signal` aborts the
 * upload until the last byte is sent; after that the server answers with a taste, which can be cancelled.
 * @param {File[]} files
 * @param {TasteOptionsJson} options
 * @param {string} requestId
 * @param {AbortSignal} signal
 * @returns {Promise<TasteJson>}
 */
export async function uploadFiles(files, options, requestId, signal) {
  const form = new FormData();
  form.append("request_id", requestId);
  form.append("options", JSON.stringify(options));
  for (const file of files) form.append("files", file, file.name);
  return (await ask(TASTES, { body: form, signal }, sendForm)).json();
}

/**
 * Watches a taste: calls `onNews` at every change until it is final. Returns a function that stops watching.
 * @param {string} id
 * @param {(taste: TasteJson) => void} onNews
 * @param {(error: ApiError) => void} onLost
 */
export const watchTaste = (id, onNews, onLost) => watch(`${TASTES}/${id}/events`, "taste", onNews, onLost);
/**
 * Watches a calibration job in the same way.
 * @param {string} id
 * @param {(job: CalibrationJobJson) => void} onNews
 * @param {(error: ApiError) => void} onLost
 */
export const watchCalibrationJob = (id, onNews, onLost) => watch(`${CALIBRATION_JOBS}/${id}/events`, "calibration_job", onNews, onLost);

/**
 * @param {string} url
 * @param {string} name
 * @param {(news: any) => void} onNews
 * @param {(error: ApiError) => void} onLost
 */
export function watch(url, name, onNews, onLost) {
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

/**
 * @param {{ state: JobState }} work
 */
export const isFinal = ({ state }) => ["completed", "failed", "cancelled"].includes(state);

/**
 * Opens the stream of a new take: its headers at once, then its bytes. Aborting `signal` stops the take at the server, too.
 * @param {GenerationBody} body
 * @param {AbortSignal} signal
 */
export async function openTake({ isLive, ...body }, signal) {
  const response = await ask("v1/generations", { method: "POST", ...json(body), signal });
  return readStreamHeaders(response);
}

/**
 * Opens the audio of a finished take.
 * @param {string} id
 * @param {AbortSignal} signal
 */
export async function openTakeAudio(id, signal) {
  return readStreamHeaders(await ask(takeAudioUrl(id), { signal }));
}

/**
 * @param {Response} response
 * @returns {TakeStreamInfo}
 */
function readStreamHeaders(response) {
  /** @param {string} name */
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
    place: Number(header("X-Queue-Place")),
    waitS: header("X-Queue-Wait-S") ? Number(header("X-Queue-Wait-S")) : null,
  };
}

/**
 * Opens a performance with its first recipe; calls `on.event` and `on.samples`, and at the end `on.ended` with the error or null.
 * `send(control)` changes the performance.
 * @param {object} opening
 * @param {{ event(event: PerformanceEvent): void, samples(samples: Int16Array<ArrayBuffer>): void, ended(error: ApiError | null): void }} on
 */
export const openPerformance = (opening, on) => openSocket("v1/performances", opening, on);

/**
 * Joins a room.
 * @param {string} roomId
 * @param {object} joining
 * @param {{ event(event: RoomEvent): void, samples(samples: Int16Array<ArrayBuffer>): void, ended(error: ApiError | null): void }} on
 */
export const joinRoom = (roomId, joining, on) => openSocket(`v1/rooms/${roomId}`, joining, on);

/**
 * Opens a room for other people.
 * @param {object} opening
 * @returns {Promise<RoomJson>}
 */
export const openRoom = (opening) => sendJson("v1/rooms", opening);

/**
 * @param {string} path
 * @param {object} opening
 * @param {{ event(event: any): void, samples(samples: Int16Array<ArrayBuffer>): void, ended(error: ApiError | null): void }} on
 */
function openSocket(path, opening, on) {
  const url = new URL(`../../../${path}`, import.meta.url); // below the page's root, also on the page of a room
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  const socket = new WebSocket(url);
  socket.binaryType = "arraybuffer";
  /** @type {ApiError | null} */
  let error = new ApiError(null);
  socket.addEventListener("open", () => socket.send(JSON.stringify(opening)));
  socket.addEventListener("message", ({ data }) => {
    if (typeof data !== "string") {
      on.samples(new Int16Array(data));
      return;
    }
    const event = JSON.parse(data);
    if (event.type === "finished" || event.type === "ended") error = null;
    if (event.type === "problem") error = new ApiError(event.problem, event.problem.retry_after_s ?? null);
    on.event(event);
  });
  socket.addEventListener("close", () => on.ended(error));
  return {
    /** @param {object} control */
    send: (control) => socket.readyState === WebSocket.OPEN && socket.send(JSON.stringify(control)),
    close: () => socket.close(),
  };
}

/** @type {() => Promise<boolean>} */
let signIn = async () => false;

/**
 * Sets the function that asks the user for an API key after a 401; it resolves to true once the server has accepted one.
 * @param {() => Promise<boolean>} ask
 */
export function onKeyWanted(ask) {
  signIn = ask;
}

/**
 * Sends an API key, which the server puts into an HttpOnly cookie. Resolves to the response, or null without an answer.
 * @param {string} key
 */
export const giveKey = (key) => fetch("v1/session", { method: "POST", ...json({ key }) }).catch(nothing);

/** @returns {any} */
const nothing = () => null;

/**
 * @param {object} body
 */
const json = (body) => ({ body: JSON.stringify(body), headers: { "Content-Type": "application/json" } });
/**
 * @param {string} url
 */
export const getJson = async (url) => (await ask(url)).json();
/**
 * @param {string} url
 * @param {object} body
 */
export const sendJson = async (url, body) => (await ask(url, { method: "POST", ...json(body) })).json();

/**
 * @param {string} url
 */
export async function deleteAt(url) {
  await ask(url, { method: "DELETE" });
}

/**
 * POSTs a form like `fetch`, except that `signal` aborts only until the last byte is sent; `fetch` cannot tell when that is.
 * @param {string} url
 * @param {{ body: FormData, signal: AbortSignal }} options
 * @returns {Promise<Response>}
 */
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

/**
 * @param {string} url
 * @param {any} options
 * @param {(url: string, options: any) => Promise<Response>} send
 * @returns {Promise<Response>}
 */
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
  const problem = await response.json().catch(nothing);
  throw new ApiError(problem, Number(response.headers.get("Retry-After")) || null);
}
