// Sentences of the conversation in other languages than English, read by the table of the language.

import { inSeconds, namedPart } from "./sentences.js";

/**
 * What a language says. Texts are regular expressions of whole clauses, without accents and in small letters; {n} is a number, {length} a
 * number of seconds or minutes, {time} a time such as 0:05, {key} a key, {words} any words.
 * @typedef {{ commands: Record<string, string[]>, wishes: Record<string, string[]>, little: string[], much: string[], parts: Record<string, string[]>,
 *   redo: string[], courtesy: string[], and: string[], seconds: string, minutes: string, tonics: Record<string, string>, major: string,
 *   minor: string, instruments: Record<string, string> }} Says
 * @typedef {import("./sentences.js").Act} Act
 * @typedef {import("./sentences.js").Part} Part
 * @typedef {Record<string, string | undefined>} Groups
 */

/** What each saying runs. @type {Record<string, (found: Groups) => Act>} */
const ACTS = {
  play: act("play", { to: "play" }), pause: act("play", { to: "pause" }), stop: act("stop"), start: act("seek", { atS: 0, plays: true }),
  back: (found) => ({ command: "back", args: lengthOf(found, "byS") }), forward: (found) => ({ command: "forward", args: lengthOf(found, "byS") }),
  seek: (found) => ({ command: "seek", args: { atS: 60 * Number(found.min) + Number(found.sec) } }),
  loop: act("loop", { to: "on" }), noLoop: act("loop", { to: "off" }),
  louder: act("volume", { by: 0.2 }), quieter: act("volume", { by: -0.2 }), mute: act("volume", { to: 0 }),
  live: act("live"), together: act("together"), make: act("make"), again: act("again"), else: act("else"), more: act("more"), keep: act("keep"), takeBack: act("takeBack"),
  next: act("next"), previous: act("previous"), version: (found) => ({ command: "version", args: { number: Number(found.n) } }),
  compare: act("compare"), download: act("download"), share: act("share"), describe: act("describe"), library: act("library"), keys: act("keys"),
  settings: act("settings"), easy: act("easy"), microphone: act("microphone"), reset: act("reset"),
  longer: (found) => ({ command: "longer", args: { byS: 10, ...lengthOf(found, "byS") } }),
  shorter: (found) => ({ command: "longer", args: { byS: -(lengthOf(found, "byS").byS ?? 10) } }),
  length: (found) => ({ command: "length", args: lengthOf(found, "toS") }),
  tempo: (found) => ({ command: "tempo", args: { bpm: numberOf(found.n) } }),
  moreTaste: act("taste", { to: "more" }), lessTaste: act("taste", { to: "less" }),
};

/** What each wish is to the server, whose grammar reads English. @type {Record<string, string>} */
const WISHES = {
  "energy.less": "less energy", "energy.more": "more energy", "tempo.less": "slower", "tempo.more": "faster",
  "bass_resonance.less": "less bass", "bass_resonance.more": "more bass",
  "harmonic_complexity.less": "plainer chords", "harmonic_complexity.more": "richer chords",
  "instrument_density.less": "fewer instruments", "instrument_density.more": "more instruments",
  "vocal_presence.less": "fewer voices", "vocal_presence.more": "more voices",
  "emotional_tension.less": "less tense", "emotional_tension.more": "more tense",
};
const ENDS = /** @type {Record<string, string>} */ ({ start: "beginning", middle: "middle", end: "ending" });
/** No letter of a language that puts spaces between words: texts match whole words there. */
const [BEFORE, AFTER] = ["(?<![a-zß\\u0600-\\u06ff'-])", "(?![a-zß\\u0600-\\u06ff-])"];
const CLAUSES = /\s*(?:[,;.!?،؛؟]+(?:\s+|$)|[、。！？；，]+)\s*/;

/**
 * Reads a sentence. `rest` is what the server shall do, in English; `unknown` what was not understood.
 * @param {string} text
 * @param {number} durationS
 * @param {Says} says
 * @returns {import("./sentences.js").Reading & { unknown: string[] }}
 */
export function readSaying(text, durationS, says) {
  const reading = /** @type {ReturnType<typeof readSaying>} */ ({ acts: [], part: null, rest: "", unknown: [] });
  /** @type {string[]} */
  const wishes = [];
  for (const clause of text.split(CLAUSES).filter((one) => one.trim())) {
    const parts = [clause];
    if (!read(clause, says, durationS)) parts.splice(0, 1, ...clause.split(new RegExp(`(?:${says.and.join("|")})`, "i")));
    const found = parts.map((one) => read(one, says, durationS));
    if (found.some((one) => !one)) {
      reading.unknown.push(clause.trim()); // half of a wish would be silently wrong
      continue;
    }
    for (const { act: done, wish, part } of found) {
      if (done) reading.acts.push(done);
      if (wish) wishes.push(wish);
      reading.part ??= part ?? null;
    }
  }
  return { ...reading, rest: wishes.join(", ") };
}

/**
 * @param {string} clause
 * @param {Says} says
 * @param {number} durationS
 * @returns {{ act?: Act, wish?: string, part?: Part } | null}
 */
function read(clause, says, durationS) {
  const bare = withoutCourtesy(folded(clause), says);
  if (new RegExp(`^(?:${says.courtesy.map(folded).join("|")})$`).test(bare)) return {}; // "please" alone asks for nothing
  return readCommand(bare, says) ?? readWish(bare, says) ?? readWords(bare, clause, says) ?? readPart(bare, says, durationS);
}

/**
 * @param {string} bare
 * @param {Says} says
 */
function readCommand(bare, says) {
  for (const [name, toAct] of Object.entries(ACTS)) {
    const found = match(bare, says.commands[name], says);
    if (found) return { act: toAct(found) };
  }
  const key = match(bare, says.commands.key, says);
  if (!key) return null;
  const mode = new RegExp(`^(?:${folded(says.minor)})$`).test(key.mode) ? "minor" : "major";
  const tonic = Object.entries(says.tonics).find(([name]) => folded(name) === key.tonic)?.[1];
  return { act: { command: "musicKey", args: { key: `${tonic} ${mode}` } } };
}

/**
 * @param {string} bare
 * @param {Says} says
 */
function readWish(bare, says) {
  const little = strip(bare, says.little), much = strip(little, says.much);
  const degree = little !== bare ? "a bit " : much !== little ? "much " : "";
  for (const words of new Set([bare, much])) {
    for (const [name, english] of Object.entries(WISHES)) {
      if (match(words, says.wishes[name], says)) return { wish: `${words === bare ? "" : degree}${english}` };
    }
  }
  return null;
}

/**
 * Instruments go into the words in English; other words go as they are.
 * @param {string} bare
 * @param {string} clause
 * @param {Says} says
 */
function readWords(bare, clause, says) {
  for (const [name, command, argument] of /** @type {const} */ ([["without", "without", "add"], ["addWords", "words", "add"], ["newWords", "words", "to"]])) {
    const found = match(bare, says.commands[name], says);
    if (!found?.words) continue;
    const instrument = instrumentOf(found.words, says);
    if (instrument) return { act: { command, args: { [argument]: command === "without" ? instrument.replace(/^an? /, "") : instrument } } };
    if (name === "newWords") {
      const original = clause.normalize("NFC").trim(), plain = folded(original), at = plain.lastIndexOf(found.words);
      const to = plain.length === original.length ? original.slice(at, at + found.words.length) : found.words; // with its accents
      return { act: { command, args: { to, isForeign: true } } };
    }
  }
  return null;
}

/**
 * "mach das Ende ruhiger": the part, and what shall be there.
 * @param {string} bare
 * @param {Says} says
 * @param {number} durationS
 */
function readPart(bare, says, durationS) {
  if (durationS <= 0) return null;
  for (const [end, texts] of Object.entries(says.parts)) {
    const found = bare.match(new RegExp(`${BEFORE}(?:${texts.map(folded).join("|")})${AFTER}`));
    if (!found) continue;
    const part = namedPart(ENDS[end], durationS);
    const rest = withoutCourtesy(closed(bare.replace(found[0], " ")), says);
    if (match(rest, says.commands.loop, says)) return { act: { command: "loop", args: { to: "on" } }, part };
    if (!rest || match(rest, says.redo, says)) return { act: { command: "part", args: {} }, part };
    const wish = readWish(rest, says);
    if (wish) return { ...wish, part };
  }
  return null;
}

/**
 * @param {string} words
 * @param {Says} says
 */
function instrumentOf(words, says) {
  return Object.entries(says.instruments).find(([, pattern]) => new RegExp(`^(?:${folded(pattern)})$`).test(words))?.[0];
}

/**
 * @param {string} bare
 * @param {string[] | undefined} patterns
 * @param {Says} says
 * @returns {Groups | null}
 */
function match(bare, patterns, says) {
  for (const pattern of patterns ?? []) {
    const found = bare.match(expression(pattern, says));
    if (found) return found.groups ?? {};
  }
  return null;
}

/** @type {Map<string, RegExp>} */
const expressions = new Map();

/**
 * @param {string} pattern
 * @param {Says} says
 */
function expression(pattern, says) {
  const name = `${says.minor} ${pattern}`;
  const known = expressions.get(name);
  if (known) return known;
  const tonics = Object.keys(says.tonics).sort((a, b) => b.length - a.length).map(folded).join("|");
  const made = new RegExp(`^(?:${folded(pattern)
    .replace("{length}", `(?<n>\\d+(?:[.,]\\d+)?) ?(?:(?<minutes>${folded(says.minutes)})|${folded(says.seconds)})`)
    .replace("{n}", "(?<n>\\d+(?:[.,]\\d+)?)").replace("{time}", "(?<min>\\d+):(?<sec>\\d\\d)").replace("{words}", "(?<words>.+)")
    .replace("{key}", `(?<tonic>${tonics})[ -]?(?<mode>${folded(says.minor)}|${folded(says.major)})`)})$`);
  expressions.set(name, made);
  return made;
}

/**
 * Small letters without accents and vowel marks, and digits from 0 to 9: people leave them out when they write quickly.
 * @param {string} text
 */
export function folded(text) {
  return text.toLowerCase().normalize("NFKD").replace(/[\u0300-\u036f\u064b-\u0655\u0670]/g, "").normalize("NFC")
    .replace(/[٠-٩]/g, (digit) => String(digit.charCodeAt(0) - 0x660)).replace(/[’‘]/g, "'").replace(/\s+/g, " ").trim();
}

/**
 * @param {string} text
 * @param {Says} says
 */
function withoutCourtesy(text, says) {
  const words = says.courtesy.map(folded).join("|");
  return text.replace(new RegExp(`^(?:(?:${words})${AFTER}[ ,]*)+(?=[^ ])`), "").replace(new RegExp(`(?<=[^ ,])[ ,]*${BEFORE}(?:${words})$`), "").trim();
}

/**
 * @param {string} text
 * @param {string[]} words
 */
const strip = (text, words) => closed(text.replace(new RegExp(`${BEFORE}(?:${words.map(folded).join("|")})${AFTER}`), " "));

/**
 * One space where words were taken out, and none in a script that has none.
 * @param {string} text
 */
const closed = (text) => text.replace(/\s+/g, " ").replace(/(?<=[\u3040-\u9fff]) (?=[\u3040-\u9fff])/g, "").trim();

/** @param {string | undefined} text */
const numberOf = (text) => Number((text ?? "").replace(",", "."));

/**
 * @param {Groups} found
 * @param {"byS" | "toS"} name
 * @returns {Record<string, number>}
 */
const lengthOf = (found, name) => (found.n ? { [name]: inSeconds(found.n.replace(",", "."), found.minutes ? "m" : "s") } : {});

/**
 * @param {string} command
 * @param {Record<string, any>} args
 * @returns {() => Act}
 */
function act(command, args = {}) {
  return () => ({ command, args });
}
