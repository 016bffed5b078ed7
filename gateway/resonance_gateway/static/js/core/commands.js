// Command table: buttons, keys, sheet, Easy view, microphone and conversation run these and nothing else.

import { all, t } from "./strings.js";

/**
 * One act. `key` is its default key, `control` the button that runs it, `group` its place in the sheet and in the scanning tree.
 * @typedef {"play" | "sound" | "versions" | "keep" | "view"} Group
 * @typedef {{ id: string, group: Group, key?: string, control?: string }} Command
 * @typedef {Record<string, any>} Args
 */

/** @type {Command[]} */
export const COMMANDS = [
  { id: "play", group: "play", key: " ", control: "play" },
  { id: "stop", group: "play", key: "Escape", control: "live-stop" },
  { id: "back", group: "play", key: "ArrowLeft", control: "back" },
  { id: "forward", group: "play", key: "ArrowRight", control: "forward" },
  { id: "seek", group: "play", control: "seek" },
  { id: "loop", group: "play", key: "l", control: "loop" },
  { id: "volume", group: "play", control: "volume" },
  { id: "live", group: "play", control: "live" },
  { id: "together", group: "play", control: "together" },
  { id: "make", group: "sound", control: "make" },
  { id: "again", group: "sound", key: "r", control: "again" },
  { id: "else", group: "sound", control: "easy-else" },
  { id: "more", group: "sound", control: "more" },
  { id: "longer", group: "sound", control: "longer" },
  { id: "length", group: "sound", control: "duration" },
  { id: "part", group: "sound", control: "redo-part" },
  { id: "words", group: "sound", control: "prompt" },
  { id: "tempo", group: "sound", control: "music-bpm" },
  { id: "musicKey", group: "sound", control: "music-key" },
  { id: "without", group: "sound", control: "music-without" },
  { id: "taste", group: "sound", control: "taste-strength" },
  { id: "reset", group: "sound", control: "reset-sliders" },
  { id: "previous", group: "versions", key: "[", control: "undo" },
  { id: "next", group: "versions", key: "]", control: "redo" },
  { id: "version", group: "versions", control: "version-list" },
  { id: "compare", group: "versions", key: "a", control: "swap" },
  { id: "takeBack", group: "versions", control: "refine-back" },
  { id: "keep", group: "keep", key: "k", control: "keep" },
  { id: "download", group: "keep", control: "download" },
  { id: "share", group: "keep", control: "share" },
  { id: "library", group: "keep", control: "library-open" },
  { id: "describe", group: "view", key: "d", control: "describe" },
  { id: "say", group: "view", key: "/", control: "refine-text" },
  { id: "microphone", group: "view", key: "m", control: "refine-speak" },
  { id: "slider", group: "view", key: "1-7", control: "sliders" },
  { id: "keys", group: "view", key: "?", control: "keys-open" },
  { id: "settings", group: "view", control: "settings-open" },
  { id: "easy", group: "view", control: "easy-open" },
];

/** @type {Map<string, { when: () => boolean, run: (args: Args) => any }>} */
const bound = new Map();

/**
 * Says what a command does. `run` returns one sentence for the conversation, or nothing; `when` says whether it is possible now.
 * @param {string} id
 * @param {(args: Args) => any} run
 * @param {() => boolean} when
 */
export function bind(id, run, when = () => true) {
  if (!COMMANDS.some((command) => command.id === id)) throw new Error(`no command ${id}`);
  bound.set(id, { run, when });
}

/** @param {string} id */
export const isPossible = (id) => bound.get(id)?.when() ?? false;

/**
 * Runs a command where it is possible; the answer is a sentence or nothing. One that is not possible answers that.
 * @param {string} id
 * @param {Args} args
 * @returns {Promise<string>}
 */
export async function run(id, args = {}) {
  const command = bound.get(id);
  if (!command?.when()) return t("command.notNow", { what: nameOf(id) });
  return (await command.run(args)) || "";
}

/** @param {string} id */
const textsOf = (id) => all(/** @type {ListKey} */ (`command.${id}`));

/** @param {string} id */
export const nameOf = (id) => textsOf(id)[0];

/**
 * A sentence that runs the command.
 * @param {string} id
 */
export const sentenceOf = (id) => textsOf(id)[1];
