// Stars and parts of the songs of a taste.
// They are applied by extracting the taste again.

import { alarm } from "../core/announce.js";
import { byId, el, show } from "../core/dom.js";
import { clearProblem, showProblem } from "./problem.js";
import { draft, saveDraft } from "../core/store.js";
import { lengthOf, list, t, tOf } from "../core/strings.js";

const STARS = [1, 2, 3, 4, 5];
const STARS_USUAL = 3; // the weight of a song without a rating
const TO_THE_END_S = 86_400; // the service cuts a part at its song's end
const TITLE_LENGTH_MAX = 200;
const PART_S_MIN = 1;
const ALL_S_MIN = 3;

export class Songs {
  /**
   * `again` extracts the taste once more; `files` is null where the taste came from a link.
   * @param {{ again(taste: TasteJson, options: TasteOptionsJson, files: File[] | null): void }} options
   */
  constructor({ again }) {
    this._again = again;
    /** @type {TasteJson | null} */
    this._taste = null;
    /** @type {{ id: string | null, files: File[] }} */
    this._held = { id: null, files: [] };
    byId("songs-form").addEventListener("submit", (event) => this._submit(event));
  }

  /**
   * Keeps the files of a taste while the page is open, because the server deletes them.
   * @param {string} tasteId
   * @param {File[]} files
   */
  hold(tasteId, files) {
    this._held = { id: tasteId, files };
  }

  /**
   * The files of a taste, or null where the page no longer has them.
   * @param {string} tasteId
   */
  held(tasteId) {
    return this._held.id === tasteId ? this._held.files : null;
  }

  /**
   * Draws a row for each song that was heard, with what was chosen before.
   * @param {TasteJson} taste
   */
  offer(taste) {
    if (this._taste?.id === taste.id) return;
    this._taste = taste;
    clearProblem(byId("songs-error"));
    byId("songs").replaceChildren(...this._rated.map((track) => this._row(track)));
    show(byId("songs-files-row"), !taste.source_url && !this.held(taste.id));
    byId("songs-files").value = "";
    show(byId("songs-mix"), taste.options?.mix_mode === "attention_weighted");
  }

  get _wishes() {
    if (draft.songs?.id !== this._taste.id) draft.songs = { id: this._taste.id, by: wishesOf(this._taste) };
    return draft.songs.by;
  }

  /** @param {TrackJson} track */
  _row(track) {
    const at = track.index;
    const wish = this._wishes[at] || {};
    /** @param {SongWish} change */
    const keep = (change) => {
      this._wishes[at] = { ...this._wishes[at], ...change };
      saveDraft();
    };
    /** @param {number} stars */
    const star = (stars) =>
      el("label", { class: "star" },
        el("input", { type: "radio", name: `stars-${at}`, value: stars, checked: stars === (wish.stars || STARS_USUAL), onchange: () => keep({ stars }) }),
        el("span", {}, String(stars)), el("span", { "aria-hidden": "true" }, "★"), el("span", { class: "sr" }, ` ${t("songs.of")}`));
    /** @param {"from" | "to"} name */
    const seconds = (name) => {
      const input = el("input", {
        type: "number", id: `part-${name}-${at}`, min: 0, max: Math.ceil(track.duration_s) || null, step: "any", inputmode: "decimal",
        autocomplete: "off", value: wish[name] ?? null, "aria-describedby": `part-message-${at}`, oninput: () => keep({ [name]: input.value }),
      });
      return [el("label", { for: input.id }, tOf("songs", name)), input];
    };
    const length = track.duration_s ? t("songs.length", { length: lengthOf(Math.floor(track.duration_s)) }) : "";
    return el("fieldset", { class: "song" },
      el("legend", {}, track.title),
      el("fieldset", { class: "stars" }, el("legend", {}, t("songs.stars")), ...STARS.map(star)),
      el("div", { class: "part" }, ...seconds("from"), ...seconds("to"), el("span", { class: "hint small" }, length)),
      el("p", { id: `part-message-${at}`, class: "field-error", hidden: true }));
  }

  /** @param {Event} event */
  async _submit(event) {
    event.preventDefault();
    clearProblem(byId("songs-error"));
    const parts = this._parts();
    if (!parts) return;
    const files = this._files();
    if (files.missing) {
      showProblem(byId("songs-error"), { words: t("songs.noFiles", { names: files.missing }) }, { kept: t("songs.kept"), next: t("songs.giveFiles") });
      show(byId("songs-files-row"), true);
      byId("songs-files").focus();
      return;
    }
    await this._again(this._taste, this._options(parts), files.all);
  }

  /** The songs that are extracted again; options refer to their positions. A link lists all songs again, failed ones too. */
  get _sent() {
    return this._taste.source_url ? this._taste.tracks : this._rated;
  }

  get _rated() {
    return this._taste.tracks.filter((track) => !track.error);
  }

  /**
   * The taste's options with the chosen stars and parts; a song without a part is used whole.
   * @param {any[]} parts
   */
  _options(parts) {
    const { mix_mode, direction_kind, whitening } = this._taste.options || {};
    const usual = mix_mode && mix_mode !== "time_select" ? mix_mode : draft.mix.mix_mode;
    const sent = this._sent;
    const stars = sent.map((track) => this._wishes[track.index]?.stars || STARS_USUAL);
    const isRated = stars.some((given) => given !== STARS_USUAL);
    const ranges = parts.map((part) => ({ track_index: sent.indexOf(part.track), start_s: part.from, end_s: part.to }));
    const mix = parts.some((part) => part.isChosen) ? { mix_mode: "time_select", ranges } : usual ? { mix_mode: usual } : {};
    return { ...mix, ...(direction_kind ? { direction_kind } : {}), ...(whitening ? { whitening } : {}), ...(isRated ? { stars } : {}) };
  }

  /** The chosen part of each used song; null where one is invalid, which the field then shows. */
  _parts() {
    const tracks = this._rated;
    const parts = tracks.map((track) => partOf(track, this._wishes[track.index] || {}));
    const wrong = parts.map((part, i) => this._mark(tracks[i].index, part.fault)).filter(Boolean);
    const allS = parts.reduce((sum, part) => sum + Math.min(part.to, part.lengthS || part.to) - part.from, 0);
    if (!wrong.length && allS < ALL_S_MIN) wrong.push(this._mark(tracks[0].index, { name: "to", text: t("songs.tooLittle") }));
    if (!wrong.length) return parts;
    wrong[0].input.focus();
    alarm(wrong[0].text);
    return null;
  }

  /**
   * @param {number} at
   * @param {any} fault
   */
  _mark(at, fault) {
    const message = byId(`part-message-${at}`);
    message.textContent = fault?.text || "";
    show(message, Boolean(fault));
    for (const name of ["from", "to"]) {
      const input = byId(`part-${name}-${at}`);
      if (fault?.name === name) input.setAttribute("aria-invalid", "true");
      else input.removeAttribute("aria-invalid");
    }
    return fault && { input: byId(`part-${fault.name}-${at}`), text: fault.text };
  }

  /** The files to upload, in the taste's order; `missing` names songs without a file. */
  _files() {
    if (this._taste.source_url) return { all: null };
    const held = this.held(this._taste.id);
    const given = [...byId("songs-files").files];
    /**
     * @param {TrackJson} track
     * @param {TrackJson} track
     * @param {TrackJson} track
     * @param {TrackJson} track
     */
    /** @type {(track: TrackJson) => File | undefined} */
    const fileOf = (track) => (held ? held[this._taste.tracks.indexOf(track)] : given.find((file) => isFileOf(track, file)));
    const missing = this._sent.filter((track) => !fileOf(track)).map((track) => track.title);
    return missing.length ? { missing: list(missing) } : { all: this._sent.map(fileOf) };
  }
}

/**
 * A long name is cut by the server.
 * @param {TrackJson} track
 * @param {File} file
 */
const isFileOf = (track, file) => (track.title.length < TITLE_LENGTH_MAX ? file.name === track.title : file.name.startsWith(track.title));

/**
 * The stars and parts that a taste was made with, by track.
 * @param {TasteJson} taste
 * @returns {Record<number, SongWish>}
 */
function wishesOf({ options, tracks }) {
  /** @type {Record<number, SongWish>} */
  const by = Object.fromEntries(tracks.map((track, i) => [track.index, { stars: options?.stars?.[i] || STARS_USUAL }]));
  for (const { track_index: at, start_s: from, end_s: to } of options?.ranges || []) {
    if (by[at]) Object.assign(by[at], { ...(from > 0 ? { from: String(from) } : {}), ...(to < TO_THE_END_S ? { to: String(to) } : {}) });
  }
  return by;
}

/**
 * @param {TrackJson} track
 * @param {SongWish} wish
 */
function partOf(track, wish) {
  /** @param {"from" | "to"} name */
  const isGiven = (name) => (wish[name] ?? "") !== "";
  const part = {
    track, from: isGiven("from") ? Number(wish.from) : 0, to: isGiven("to") ? Number(wish.to) : TO_THE_END_S,
    lengthS: track.duration_s, isChosen: isGiven("from") || isGiven("to"), fault: /** @type {{ name: string, text: string } | null} */ (null),
  };
  const { from, to, lengthS } = part;
  const end = Math.min(to, lengthS || to);
  const unread = /** @type {("from" | "to")[]} */ (["from", "to"]).find((name) => byId(`part-${name}-${track.index}`).validity.badInput);
  if (unread) part.fault = { name: unread, text: t("songs.number") };
  else if (from < 0 || to < 0) part.fault = { name: from < 0 ? "from" : "to", text: t("songs.negative") };
  else if (to <= from) part.fault = { name: "to", text: t("songs.backwards") };
  else if (lengthS && from >= lengthS) part.fault = { name: "from", text: t("songs.outside", { length: lengthOf(Math.floor(lengthS)) }) };
  else if (part.isChosen && end - from < PART_S_MIN) part.fault = { name: isGiven("to") ? "to" : "from", text: t("songs.tooShort") };
  return part;
}
