// Tempo, key, and what to leave out.

import { byId, el, show } from "../core/dom.js";
import { draft, saveDraft } from "../core/store.js";
import { all, list, sentences, t } from "../core/strings.js";

const BPM_MIN = 40;
const BPM_MAX = 240;
/** In the order of the texts `music.tonics`. */
const TONICS = ["C", "C#", "Db", "D", "Eb", "E", "F", "F#", "G", "G#", "Ab", "A", "Bb", "B"];
const MAJOR = ["C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"];
const MINOR = ["C", "C#", "D", "Eb", "E", "F", "F#", "G", "G#", "A", "Bb", "B"];

/** Every key, as a recipe names it. */
export const keyNames = () => [...MAJOR.map((tonic) => `${tonic} major`), ...MINOR.map((tonic) => `${tonic} minor`)];

/** Fills in the fields from the draft and keeps the draft up to date. */
export function buildMusic() {
  const keys = keyNames();
  byId("music-key").replaceChildren(
    el("option", { value: "" }, t("music.anyKey")),
    ...keys.map((key) => el("option", { value: key }, keyInWords(key))),
  );
  draw();
  byId("music-bpm").addEventListener("input", () => change({ bpm: byId("music-bpm").value }));
  byId("music-key").addEventListener("change", () => change({ key: byId("music-key").value }));
  byId("music-without").addEventListener("input", () => change({ without: byId("music-without").value }));
}

/**
 * Says what this model obeys.
 * @param {ModelJson["capabilities"]} can
 */
export function showMusicLimits(can) {
  const tempi = can?.tempo?.bpm ?? [];
  const keys = can?.key?.names ?? [];
  const says = [
    tempi.length ? t("music.tempi", { tempi: list(tempi.map((bpm) => String(Math.round(bpm)))) }) : "",
    can?.key && !can.key.means ? t("music.noKeys") : "",
    can?.key?.means && keys.length ? t("music.keys", { keys: list(keys.map(keyInWords)) }) : "",
  ].filter(Boolean);
  byId("music-limits").textContent = sentences(...says);
  show(byId("music-limits"), says.length > 0);
  show(byId("music-without-row"), can?.negative_prompt !== false);
}

/** The recipe fields of tempo, key and what to leave out; a tempo out of range counts as its nearest end. */
export function musicFields() {
  const { bpm, key, without } = draft.music;
  const beats = Number(bpm);
  return {
    ...(bpm && Number.isFinite(beats) ? { bpm: Math.min(BPM_MAX, Math.max(BPM_MIN, beats)) } : {}),
    ...(key ? { key } : {}),
    ...(without?.trim() ? { negative_prompt: without.trim() } : {}),
  };
}

/**
 * Shows the fields of an earlier request.
 * @param {GenerationBody} body
 */
export function setMusic(body) {
  change({ bpm: body.bpm ? String(body.bpm) : "", key: body.key || "", without: body.negative_prompt || "" });
  draw();
}

/** @param {Partial<Draft["music"]>} fields */
function change(fields) {
  draft.music = { ...draft.music, ...fields };
  saveDraft();
}

function draw() {
  const { bpm = "", key = "", without = "" } = draft.music;
  byId("music-bpm").value = bpm;
  byId("music-key").value = key;
  byId("music-without").value = without;
  if (bpm || key || without) byId("music-more").open = true;
}

/**
 * A key as the language calls it; one that is not in the list stays as it is.
 * @param {string} key such as `F# minor`
 */
export function keyInWords(key) {
  const [name, mode] = key.split(" ");
  const tonic = all("music.tonics")[TONICS.indexOf(name)] ?? name;
  return t(mode === "minor" ? "music.minor" : "music.major", { tonic });
}
