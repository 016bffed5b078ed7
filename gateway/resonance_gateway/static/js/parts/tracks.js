// Texts about a taste and its tracks.

import { ApiError } from "../core/api.js";
import { formatDate } from "../core/dates.js";
import { el } from "../core/dom.js";
import { around, marked, shown, tell } from "../core/server-texts.js";
import { t, tOf } from "../core/strings.js";

/**
 * Fills a list with each song and how far it is.
 * @param {HTMLElement} list
 * @param {TrackJson[]} tracks
 */
export function fillTracks(list, tracks) {
  list.replaceChildren(...tracks.map((track) =>
    el("li", { class: `track ${track.state}` },
      el("span", { class: "track-title" }, track.title), el("span", { class: "track-state small" }, ...stateOf(track)))));
}

/**
 * What to call a taste. One that is named after its first file says how many more there are, or all would have one name.
 * @param {TasteJson} taste
 */
export function tasteName(taste) {
  if (!taste.title) return t("taste.unnamed");
  const [first, ...others] = taste.tracks;
  const isNamedAfterFile = !taste.source_url && others.length && first.title.startsWith(taste.title);
  return isNamedAfterFile ? t("taste.andMore", { title: taste.title, count: others.length }) : taste.title;
}

/**
 * What to call tastes in a list; those of one name say when they were made.
 * @param {TasteJson[]} tastes
 */
export function namesOf(tastes) {
  const names = tastes.map(tasteName);
  /** @param {string} name */
  const isShared = (name) => names.indexOf(name) !== names.lastIndexOf(name);
  return names.map((name, i) => (isShared(name) ? t("taste.of", { name, time: timeOf(tastes[i]) }) : name));
}

/**
 * The fault of a taste that failed, with what its songs say beside it.
 * @param {TasteJson} taste
 */
export function failureOf(taste) {
  const fault = taste.error || { message: t("state.failed"), reason: "FAILED" };
  const failed = taste.tracks.filter((track) => track.error && track.error.message !== fault.message);
  const inner = failed.map((track) => `${track.title}: ${bare(track.error.message)}`);
  return new ApiError({ status: 422, reason: fault.reason, detail: [bare(fault.message), ...inner].join(". ") });
}

/**
 * Of a song that was not chosen nothing was heard.
 * @param {TrackJson} track
 */
export const isHeard = (track) => track.state === "completed" && track.clips_total > 0;

/**
 * @param {TrackJson} track
 * @returns {(string | Node)[]}
 */
function stateOf(track) {
  const state = tOf("state", track.state);
  if (track.error) {
    return around("state.why", "why", [shown(tell(track.error.reason, track.error.message))], { state });
  }
  if (track.state === "completed" && !isHeard(track)) return [t("state.unchosen")];
  if (track.state === "completed" && track.notice) return [`${state}. `, marked(track.notice)];
  const isUnderWay = track.state === "extracting" && track.clips_total;
  return [isUnderWay ? t("state.part", { state, detail: t("state.clips", { done: track.clips_done, count: track.clips_total }) }) : state];
}

/** @param {TasteJson} taste */
const timeOf = (taste) =>
  formatDate(new Date(taste.create_time), { dateStyle: "medium", timeStyle: "medium" });

/** @param {string} sentence */
const bare = (sentence) => sentence.replace(/[.\s]+$/, "");
