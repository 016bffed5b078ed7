// Choices of the user about switches, MIDI and gamepad, kept in localStorage.

import { load, save } from "../core/store.js";

const NAME = "inputs";
export const STEP_S = { min: 0.5, max: 5 };
export const REST_S = { min: 0, max: 1 };

/**
 * Switches are named as in signals.js. Seconds are those of a choice, and those in which a second press is ignored.
 * @typedef {{ isScanning: boolean, count: 1 | 2, choose: string, step: string, stepS: number, restS: number, isSpoken: boolean, isSound: boolean,
 *   isMidi: boolean, isPad: boolean }} Choices
 */
/** @type {Choices} */
export const choices = {
  isScanning: false, count: 1, choose: "key: ", step: "key:Enter", stepS: 1.5, restS: 0.3, isSpoken: false, isSound: false, isMidi: false, isPad: false,
  ...load(NAME, {}),
};
choices.stepS = within(choices.stepS, STEP_S);
choices.restS = within(choices.restS, REST_S);

export const saveChoices = () => save(NAME, choices);

/**
 * @param {number} value
 * @param {{ min: number, max: number }} ends
 */
export function within(value, { min, max }) {
  return Math.min(max, Math.max(min, value));
}
