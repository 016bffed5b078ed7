// What survives a reload: the draft, the request in flight, the versions, the settings. Kept in this browser only.

const PREFIX = "resonance.";

const EMPTY_DRAFT = {
  prompt: "", durationS: 20, tasteId: null, tasteStrength: 1, tasteInWords: false, mix: {}, songs: null, rangeCalibrationJob: null, sliders: {}, keepSeed: true,
};

const news = new EventTarget();

/** What the user has set so far. */
export const draft = { ...EMPTY_DRAFT, ...load("draft", {}) };

/** The taste's part of a recipe; empty without one. */
export const tasteWish = () => (draft.tasteId
  ? { taste_id: draft.tasteId, taste_strength: draft.tasteStrength, ...(draft.tasteInWords ? { taste_in_words: true } : {}) } : {});

/** What the user likes. */
export const settings = { shortcuts: true, autoplay: true, volume: 0.9, ...load("settings", {}) };

export const saveDraft = () => {
  save("draft", draft);
  news.dispatchEvent(new Event("draft"));
};
/** Calls `listener` after every change of the draft. */
export const onDraft = (listener) => news.addEventListener("draft", listener);
export const saveSettings = () => save("settings", settings);

/** The request that is on its way, stored before it is sent, so that a reload finds it again. */
export const getPending = () => load("pending", null);
export const setPending = (body) => save("pending", body);
export const clearPending = () => remove("pending");

/** The versions of this session's piece, oldest first, and which one is open. */
export const loadVersions = () => load("versions", { items: [], at: -1 });
export const saveVersions = (versions) => save("versions", versions);

function load(name, fallback) {
  try {
    return JSON.parse(localStorage.getItem(PREFIX + name)) ?? fallback;
  } catch {
    return fallback;
  }
}

// A private window may refuse storage; the page works without it, it only forgets.
function save(name, value) {
  try {
    localStorage.setItem(PREFIX + name, JSON.stringify(value));
  } catch {}
}

function remove(name) {
  try {
    localStorage.removeItem(PREFIX + name);
  } catch {}
}
