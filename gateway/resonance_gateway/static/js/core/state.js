// State that several parts read: one tree of signals.

import { computed, effect, signal } from "../vendor/signals-core/signals-core.js";

export { computed, effect, signal };

/** @typedef {"words" | "sound" | "versions" | "lanes" | "more"} Tab */
/** @typedef {"desk" | "tablet" | "phone" | "low"} Layout */
/** @typedef {{ id: number, who: "you" | "it", text: string, did?: string[], near?: string[], english?: string, foreign?: string, undo?: (() => void) | null, isTaken?: boolean }} Saying */
/** @typedef {{ isPaused: boolean, playedS: number, lagS: number, heard: string, sliders: SliderValues }} LiveState */
/** @typedef {{ atS: number, text: string }} LaneChange */

export const state = {
  /** What the middle shows. */
  tab: signal(/** @type {Tab} */ ("sound")),
  layout: signal(/** @type {Layout} */ ("desk")),
  /** The panel over the middle. */
  isLibraryOpen: signal(false),
  isEasy: signal(false),
  /** The take in the player, null before any. */
  take: signal(/** @type {import("../sound/take.js").Take | null} */ (null)),
  /** The stored description of that take, null until it is there. */
  record: signal(/** @type {TakeJson | null} */ (null)),
  isMaking: signal(false),
  /** Live music, null while there is none. */
  live: signal(/** @type {LiveState | null} */ (null)),
  /** The part of the take that the user chose, in seconds. */
  part: signal(/** @type {{ fromS: number, toS: number } | null} */ (null)),
  /** The conversation, oldest first. */
  talk: signal(/** @type {Saying[]} */ ([])),
  /** Changes of the live music that the player holds, or that is played. */
  lanes: signal(/** @type {LaneChange[]} */ ([])),
  /** Whether the player holds the example piece of a first visit. */
  isExample: signal(false),
};
