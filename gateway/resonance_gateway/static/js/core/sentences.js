// Sentences of the conversation, read as commands. What is no command is left for the server, which moves sliders.

/**
 * A command with what the sentence says about it.
 * @typedef {{ command: string, args: Record<string, any> }} Act
 * @typedef {{ acts: Act[], part: Part | null, rest: string }} Reading
 * @typedef {{ fromS: number, toS: number }} Part
 */

/** @type {Record<string, number>} */
const NUMBERS = {
  a: 1, an: 1, one: 1, two: 2, three: 3, four: 4, five: 5, six: 6, seven: 7, eight: 8, nine: 9, ten: 10, fifteen: 15, twenty: 20, thirty: 30,
  forty: 40, sixty: 60, ninety: 90, "half a": 0.5,
};
const NUMBER = `(?:\\d+(?:\\.\\d+)?|${Object.keys(NUMBERS).sort((a, b) => b.length - a.length).join("|")})`;
const SECONDS = `(${NUMBER}) ?(seconds?|secs?|s|minutes?|mins?|m)\\b`;
const COURTESY = /^(?:(?:please|ok|okay|hey|now|so|well|and|then|can you|could you|would you|will you|i want you to|i would like you to|let's|lets|just)\b[ ,]*)+|[ ,]*\b(?:please|now|thanks|thank you)$/g;

// Instruments that are words of a prompt. Drums, bass, voices and choirs are sliders.
const INSTRUMENT =
  "(?:pianos?|trumpets?|guitars?|violins?|violas?|cellos?|strings?|flutes?|sax(?:es|ophones?)?|organs?|bells?|harps?|clarinets?|oboes?|trombones?|tubas?|horns?|brass|banjos?|ukuleles?|accordions?|harmonicas?|marimbas?|xylophones?|vibraphones?|glockenspiels?|synths?|synthesi[sz]ers?|pads?|claps?|cymbals?|hi-?hats?|whistles?|mandolins?|sitars?|kalimbas?|rhodes|celesta|rain|birds?|waves|crackle)";
const PLAIN_INSTRUMENTS = new RegExp(`^(?:an? |some |the )?(?:[a-z]+ )?${INSTRUMENT}(?:(?:,| and) (?:an? |some |the )?(?:[a-z]+ )?${INSTRUMENT})*$`);
const IT = "(?:it|this|that)";
const ONE = "(?: one| version)?";

/** @type {[string, RegExp, ((found: RegExpMatchArray) => Record<string, any>)?][]} */
const TABLE = [
  ["play", rule(`play|play ${IT}|start|start playing|go on|resume|unpause|play (?:the )?music|(?:let me )?hear ${IT}|carry on`), () => ({ to: "play" })],
  ["play", rule(`pause|pause ${IT}|pause the music|hold on|wait|freeze`), () => ({ to: "pause" })],
  ["seek", rule(`start over|restart|(?:play (?:${IT} )?)?(?:again )?from the (?:start|beginning|top)|go (?:back )?to the (?:start|beginning)|rewind to the (?:start|beginning)`), () => ({ atS: 0, plays: true })],
  ["stop", rule(`stop|stop ${IT}|stop the music|stop playing|enough|be quiet|silence|stop (?:the )?live(?: music)?|stop making(?: ${IT})?|cancel`)],
  ["back", rule(`(?:go |jump |skip |step )?back(?:wards?)? (?:by )?${SECONDS}|rewind(?: (?:by )?${SECONDS})?|(?:jump|skip) back`), secondsOf],
  ["forward", rule(`(?:go |jump |skip |fast )(?:forward|ahead)(?: (?:by )?${SECONDS})?|skip ${SECONDS}`), secondsOf],
  ["seek", rule("(?:go|jump|skip|play) (?:to|from|at) (\\d+):(\\d\\d)"), (found) => ({ atS: 60 * Number(found[1]) + Number(found[2]) })],
  ["seek", rule(`(?:go|jump|skip) to (?:second )?(\\d+)(?: seconds?)?`), (found) => ({ atS: Number(found[1]) })],
  ["seek", rule("(?:go|jump|skip) to the (middle|end|ending)"), (found) => ({ share: found[1] === "middle" ? 0.5 : 0.75 })],
  ["loop", rule(`(?:stop looping|no loop|don't loop(?: ${IT})?|unloop|stop repeating|loop off)`), () => ({ to: "off" })],
  ["loop", rule(`loop|loop ${IT}|repeat|repeat ${IT}|on repeat|keep repeating|loop on|put ${IT} on repeat`), () => ({ to: "on" })],
  ["volume", rule("(?:turn )?(?:the )?volume (up|down)|turn (?:up|down) the volume|(?:turn (?:up|down) )?the volume"), (found) => ({ by: /down/.test(found[0]) ? -0.2 : 0.2 })],
  ["volume", rule("(?:set )?(?:the )?volume (?:to |at )?(\\d+)(?: ?%| percent)?"), (found) => ({ to: Number(found[1]) / 100 })],
  ["volume", rule("mute"), () => ({ to: 0 })],
  ["volume", rule("unmute"), () => ({ to: 0.9 })],
  ["together", rule("play together|together|play with (?:a friend|friends|others)|open a room|invite (?:a friend|friends)")],
  ["live", rule("play live|go live|live|(?:start|play) (?:the )?live(?: music)?|jam(?: with me)?")],
  ["again", rule(`again|make ${IT} again|once more|one more(?: time)?|another${ONE}|try again|(?:make |do )?(?:a )?new version|(?:make|do) (?:another|one more)${ONE}|do ${IT} (?:again|over)|remake ${IT}`)],
  ["else", rule("(?:something|anything|somewhat) (?:else|different|new|completely different)|surprise me|a different one|(?:make|play|try) something (?:else|different|new)")],
  ["more", rule(`(?:(?:give me |make )?(?:three|3|some|a few) )?(?:more|others?) like (?:this|that|it)(?: one)?|(?:give me |make )?(?:three|3) (?:more|others|variations|versions)(?: of (?:this|it))?|variations`)],
  ["keep", rule(`keep|keep (?:it|this|that)${ONE}|save (?:it|this|that)${ONE}|i (?:love|like) (?:it|this|that)${ONE}|(?:mark|add) (?:it|this)? ?(?:as|to) (?:my )?favou?rites?|favou?rite`)],
  ["takeBack", rule(`undo|undo (?:it|that)|take (?:it|that) back|(?:put (?:it|that) )?back to before|never ?mind|not (?:that|like that)|revert(?: it| that)?|(?:it|that) was better before|as it was(?: before)?|go back`)],
  ["next", rule("redo|redo that|(?:the )?next (?:one|version)|(?:a )?(?:newer|later) version")],
  ["previous", rule("(?:the |go to the |open the |back to the )?(?:previous|last|older|earlier) (?:one|version)|(?:the )?one before")],
  ["version", rule(`(?:go (?:back )?to |open |play |back to |show |take )?version (${NUMBER})`), (found) => ({ number: toNumber(found[1]) })],
  ["version", rule(`(?:go (?:back )?to |open |play |back to )?the (first|second|third|fourth|fifth) (?:one|version)`), (found) => ({ number: ["first", "second", "third", "fourth", "fifth"].indexOf(found[1]) + 1 })],
  ["compare", rule(`compare|compare (?:it|them|both|the two|versions)|compare (?:it )?(?:with|to) (?:the )?(?:last|previous|other|one before|first)${ONE}|a ?[/ ]?b|play the other${ONE}|let me compare|how was it before`)],
  ["compare", rule(`compare (?:it )?(?:with|to) version (${NUMBER})`), (found) => ({ number: toNumber(found[1]) })],
  ["download", rule(`download|download ${IT}|save ${IT} (?:as|to) an? (?:file|wav|wav file)|(?:give me|get) the file`)],
  ["share", rule(`share|share ${IT}(?: with .*)?|send ${IT}(?: to .*)?|(?:copy|make|give me|get) (?:a|the) link`)],
  ["longer", rule(`(?:make ${IT} )?(?:by )?${SECONDS} (longer|shorter)`), (found) => ({ byS: (found.at(-1) === "longer" ? 1 : -1) * inSeconds(found[1], found[2]) })],
  ["longer", rule(`(?:make ${IT} )?(?:a (?:bit|little) |much )?(longer|shorter)`), (found) => ({ byS: found[1] === "longer" ? 10 : -10 })],
  ["longer", rule(`extend ${IT}?(?: ?by ${SECONDS})?`), (found) => ({ byS: found[1] ? inSeconds(found[1], found[2]) : 10 })],
  ["length", rule(`(?:make ${IT} )?(?:about )?${SECONDS}(?: long)?|(?:set )?(?:the )?length (?:to |of )?${SECONDS}`), (found) => ({ toS: found[1] ? inSeconds(found[1], found[2]) : inSeconds(found[3], found[4]) })],
  ["tempo", rule("(?:set |put |make |play )?(?:the |it |this )?(?:tempo |speed )?(?:to |at |in |of )?(\\d{2,3}) ?(?:bpm|beats(?: (?:a|per) minute)?)"), (found) => ({ bpm: Number(found[1]) })],
  ["tempo", rule("(?:set |put |change )?(?:the )?tempo (?:to |at )(\\d{2,3})"), (found) => ({ bpm: Number(found[1]) })],
  ["musicKey", rule(`(?:make |play |put |set |change |transpose )?(?:it |this |that |the key )?(?:in |into |to )?(?:the key of )?([a-g])(?: ?(sharp|flat|#|♯|♭))?[ -](major|minor)`), (found) => ({ key: keyOf(found) })],
  ["musicKey", rule("any key|in any key|forget the key"), () => ({ key: "" })],
  ["describe", rule(`describe|describe (?:it|this)|what is (?:this|playing|it)|what(?: am i| do i) hear(?:ing)?|where am i|tell me about (?:it|this)|how (?:fast|long) is (?:it|this)|what (?:key|tempo) is (?:it|this)(?: in)?`)],
  ["library", rule("(?:open |show )?(?:me )?(?:the |my )?(?:library|pieces)|(?:open|show)(?: me)? my music|what have i made")],
  ["keys", rule("help|what can i (?:say|do)|(?:show )?(?:the )?(?:keys|shortcuts|commands)")],
  ["settings", rule("(?:open |show )?(?:the )?settings")],
  ["easy", rule("(?:open |show |go to )?(?:the )?(?:easy|simple) view")],
  ["microphone", rule("listen(?: to me)?|microphone")],
  ["taste", rule("(more|less) (?:of|like) my (?:taste|songs|playlist)"), (found) => ({ to: found[1] })],
  ["reset", rule("reset(?: (?:it|all|everything|all sliders|the sliders))?|(?:all |everything |all sliders )?(?:back )?(?:to|in) (?:neutral|the middle)|neutral")],
  ["make", rule(`make (?:the |some )?music|make it|go|do it`)],
  ["words", rule("(?:instead|(?:use |with )?(?:new|other) words|change (?:the words|it|this) (?:to|into)|make me|make us|i want to hear|i would like to hear|i'd like to hear|play me|play us|new piece)[: ]+(.+)"), (found) => ({ to: withoutArticle(found[1]) })],
  ["words", rule("(?:play|make) (?:some |an? )(?!bit|little|touch|tad|lot|hint|shade|notch|few|more|less)(.+)"), (found) => ({ to: found[1] })],
];

/** A rule matches the whole clause. @param {string} pattern */
function rule(pattern) {
  return new RegExp(`^(?:${pattern})$`);
}

/**
 * Reads a sentence. `durationS` is the length of the open take, for parts such as "the ending".
 * @param {string} text
 * @param {number} durationS
 * @returns {Reading}
 */
export function readSentence(text, durationS = 0) {
  /** @type {Act[]} */
  const acts = [];
  /** @type {string[]} */
  const rest = [];
  /** @type {Part | null} */
  let part = null;
  for (const clause of text.split(/\s*[,;.!?]+(?:\s+|$)\s*|\s+and then\s+|\s+then\s+/).filter((one) => one.trim())) {
    const found = readClause(clause) || readTogether(clause);
    if (found) {
      acts.push(...found.acts);
      rest.push(...found.rest);
      continue;
    }
    const section = durationS > 0 && !part ? readPart(plain(clause), durationS) : null;
    if (!section) rest.push(clause.trim());
    else {
      part = section.part;
      if (section.command) acts.push({ command: section.command, args: section.args || {} });
      else if (section.rest) rest.push(section.rest);
    }
  }
  return { acts, part, rest: rest.join(", ") };
}

/**
 * A clause that is one command.
 * @param {string} clause
 * @returns {{ acts: Act[], rest: string[] } | null}
 */
function readClause(clause) {
  const words = plain(clause);
  const sound = readInstruments(words);
  if (sound) return { acts: [sound], rest: [] };
  for (const [command, pattern, argsOf] of TABLE) {
    const found = words.match(pattern);
    if (found) return { acts: [{ command, args: argsOf ? argsOf(found) : {} }], rest: [] };
  }
  return null;
}

/**
 * A clause whose parts around "and" are commands, all or some of them.
 * @param {string} clause
 */
function readTogether(clause) {
  const parts = clause.split(/\s+and\s+/);
  if (parts.length < 2) return null;
  const read = parts.map((one) => readClause(one));
  if (!read.some(Boolean)) return null;
  return { acts: read.flatMap((one) => one?.acts ?? []), rest: [parts.filter((_, i) => !read[i]).join(" and ")].filter(Boolean) };
}

/**
 * "add a trumpet", "no piano": instruments that are no sliders go into the words or are left out.
 * @param {string} words
 * @returns {Act | null}
 */
function readInstruments(words) {
  const more = words.match(/^(?:add|with|put in|include|bring in|give me|i want|use|i need)(?: me)? (.+)$/);
  if (more && PLAIN_INSTRUMENTS.test(more[1])) return { command: "words", args: { add: more[1] } };
  const none = words.match(/^(?:no|no more|without|remove|drop|leave out|take out|get rid of|lose|delete|i (?:want|need) no) (.+)$/);
  if (none && PLAIN_INSTRUMENTS.test(none[1])) return { command: "without", args: { add: withoutArticle(none[1]) } };
  return null;
}

/**
 * "make the ending calmer": the part, and what is left of the clause.
 * @param {string} words
 * @param {number} durationS
 * @returns {{ part: Part, rest: string, command?: string, args?: Record<string, any> } | null}
 */
function readPart(words, durationS) {
  const named = words.match(/\b(?<!low |bottom |high )(?:(?:in|at|for|of|only|just) )?the (?:very )?(ending|end|outro|beginning|start|intro|opening|middle)\b/);
  const counted = words.match(new RegExp(`\\b(?:(?:in|at|for|of) )?the (first|last) ${SECONDS}`));
  const timed = words.match(/\bfrom (\d+):(\d\d)(?: (?:to|until|till) (?:(\d+):(\d\d)|the end))?/);
  const found = counted || named || timed;
  if (!found) return null;
  const part = counted ? countedPart(counted, durationS) : named ? namedPart(named[1], durationS) : timedPart(timed, durationS);
  if (part.toS - part.fromS < 1) return null;
  const rest = words.replace(found[0], " ").replace(/\s+/g, " ").trim();
  if (/^loop$|^repeat$/.test(rest)) return { part, rest: "", command: "loop", args: { to: "on" } };
  if (/^(?:play|hear|go to)$/.test(rest)) return { part, rest: "", command: "seek", args: { atS: part.fromS, plays: true } };
  if (/^(?:new|redo|change|make(?: again)?|remake|another|again|replace|try|do)?(?: again| anew| over| differently| something else)?$/.test(rest)) return { part, rest: "", command: "part" };
  return { part, rest: rest.replace(/^(?:make|let|have|turn)\s+/, "").replace(/\b(?:be|become|sound)\s+/, "") };
}

/**
 * @param {RegExpMatchArray} found
 * @param {number} durationS
 */
function countedPart([, end, number, unit], durationS) {
  const lengthS = Math.min(durationS, inSeconds(number, unit));
  return end === "first" ? { fromS: 0, toS: lengthS } : { fromS: durationS - lengthS, toS: durationS };
}

/**
 * A quarter at either end, the half in the middle; in whole seconds where the take is long enough.
 * @param {string} name
 * @param {number} durationS
 */
export function namedPart(name, durationS) {
  const quarter = durationS >= 8 ? Math.round(durationS / 4) : durationS / 4;
  if (name === "middle") return { fromS: quarter, toS: durationS - quarter };
  return /^(?:end|outro)/.test(name) ? { fromS: durationS - quarter, toS: durationS } : { fromS: 0, toS: quarter };
}

/**
 * @param {RegExpMatchArray} found
 * @param {number} durationS
 */
function timedPart([, minutes, seconds, toMinutes, toSeconds], durationS) {
  const fromS = Math.min(durationS, 60 * Number(minutes) + Number(seconds));
  return { fromS, toS: toMinutes ? Math.min(durationS, 60 * Number(toMinutes) + Number(toSeconds)) : durationS };
}

/** @param {string} clause */
function plain(clause) {
  return clause.toLowerCase().replace(/[’‘]/g, "'").replace(/\s+/g, " ").trim().replace(COURTESY, "").trim();
}

/** @param {string} text */
const withoutArticle = (text) => text.replace(/^(?:some|an?|the|any)\s+/, "");

/** @param {string} text */
const toNumber = (text) => NUMBERS[text] ?? Number(text);

/**
 * @param {string} number
 * @param {string} unit
 */
export const inSeconds = (number, unit) => toNumber(number) * (unit.startsWith("m") ? 60 : 1);

/** @param {RegExpMatchArray} found */
function secondsOf(found) {
  const at = found.findIndex((group, i) => i > 0 && group !== undefined);
  return at > 0 ? { byS: inSeconds(found[at], found[at + 1]) } : {};
}

/** @param {RegExpMatchArray} found */
function keyOf([, tonic, sign, mode]) {
  const sharp = sign && /sharp|#|♯/.test(sign) ? "#" : sign ? "b" : "";
  return `${tonic.toUpperCase()}${sharp} ${mode}`;
}
