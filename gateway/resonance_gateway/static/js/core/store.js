// State of the page in localStorage.
// Draft, request in flight, versions and settings survive a reload.

const PREFIX = "resonance.";

/** @type {Draft} */
const EMPTY_DRAFT = {
  prompt: "", durationS: 20, tasteId: null, tasteStrength: 1, tasteInWords: false, otherTastes: {}, goalTasteId: null, mix: {}, songs: null, rangeCalibrationJob: null, sliders: {}, own: [], labels: {}, keepSeed: true, music: {}, backends: {},
};

const changes = new EventTarget();

/** What the user has set so far. */
/** @type {Draft} */
export const draft = { ...EMPTY_DRAFT, ...load("draft", {}) };

/**
 * The field that names what makes a piece or plays live music; empty where the installation has one backend.
 * @param {"takes" | "live"} kind
 */
export const backendField = (kind) => (draft.backends[kind] ? { backend: draft.backends[kind] } : {});

/** The recipe fields of the chosen taste and of those that are mixed in; empty without one. */
export function tasteFields() {
  if (!draft.tasteId) return {};
  const others = Object.entries(draft.otherTastes).map(([taste_id, strength]) => ({ taste_id, strength }));
  const words = draft.tasteInWords ? { taste_in_words: true } : {};
  return { taste_id: draft.tasteId, taste_strength: draft.tasteStrength, ...words, ...(others.length ? { tastes: others } : {}) };
}

/** The field of a take that ends at another taste; empty where it stays. */
export const pathFields = () => (draft.tasteId && draft.goalTasteId ? { taste_path: { tastes: [{ taste_id: draft.goalTasteId, strength: 1 }] } } : {});

/** The user's settings. */
export const settings = { shortcuts: true, autoplay: true, volume: 0.9, isStill: false, picture: "", isEasy: false, isTasteOpen: false, ...load("settings", {}) };

export const saveDraft = () => {
  save("draft", draft);
  changes.dispatchEvent(new Event("draft"));
};
/**
 * Calls `listener` after every change of the draft.
 * @param {any} listener
 */
export const onDraft = (listener) => changes.addEventListener("draft", listener);
export const saveSettings = () => save("settings", settings);

/** The request that is on its way, stored before it is sent, so that a reload finds it again. */
export const getPending = () => load("pending", null);
/** @param {GenerationBody} body */
/** @param {GenerationBody} body */
export const setPending = (body) => save("pending", body);
export const clearPending = () => remove("pending");

/** Request ids of the takes that the user keeps. */
export const loadKept = () => /** @type {string[]} */ (load("kept", []));
/** @param {string[]} ids */
export const saveKept = (ids) => save("kept", ids);

/** The versions of this session's piece, oldest first, and which one is open. */
export const loadVersions = () => load("versions", { items: [], at: -1 });
/** @param {{ items: Version[], at: number }} versions */
export const saveVersions = (versions) => save("versions", versions);

/**
 * @param {string} name
 * @param {any} fallback
 */
export function load(name, fallback) {
  try {
    return JSON.parse(localStorage.getItem(PREFIX + name)) ?? fallback;
  } catch {
    return fallback;
  }
}

// A private window may refuse storage; the page then works without it.
/**
 * @param {string} name
 * @param {any} value
 */
export function save(name, value) {
  try {
    localStorage.setItem(PREFIX + name, JSON.stringify(value));
  } catch {}
}

/** @param {string} name */
function remove(name) {
  try {
    localStorage.removeItem(PREFIX + name);
  } catch {}
}
