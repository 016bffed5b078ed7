// Every word of the page, in one place. Reading age: nine.

export const STRINGS = {
  skip: "Skip to your words",
  headline: "Music from songs you love and a sentence.",
  lead: "No instruments, no account. Give it a few songs, say what you want, and listen while it is made.",
  optional: "you can skip this",
  step1: "Step 1:", step2: "Step 2:", step3: "Step 3:", step4: "Step 4:",

  "taste.title": "Your taste",
  "taste.hint": "Pick up to 20 songs. New music will lean towards what they share.",
  "taste.files": "Choose songs from this device",
  "taste.filesHint": "mp3, m4a, flac, ogg, opus or wav. You can also drop files here.",
  "taste.link": "Or paste a link to a playlist or a video",
  "taste.linkGo": "Listen to it",
  "taste.linkEmpty": "Paste a link first. It starts with https://",
  "taste.earlier": "Or use a taste from before",
  "taste.none": "No taste",
  "taste.cancel": "Stop listening",
  "key.ask": "This server asks for your key",
  "taste.retry": "Try the songs that failed again",
  "taste.drop": "Go on without this taste",
  "taste.heard": "What was heard",
  "taste.unnamed": "Your taste",
  "taste.ready": "{title} is ready",
  "taste.plain": "{clips} short clips from {tracks} were heard.",
  "taste.sending": "Sending your songs",
  "taste.asking": "Opening the link",
  "taste.progress": "{stage}, {percent} percent",
  "taste.readySaid": "Your taste is ready. {tracks} heard.",
  "taste.someFailed": "{failed} could not be used.",
  "taste.cancelled": "Listening was stopped. You can still make music from words.",
  "taste.strength": "How much of your taste",
  "taste.layers": "How strongly your taste shows in each layer of the model",
  "taste.layer": "Layer {layer}",
  "taste.layersSaid": "Strongest in layer {best}, weakest in layer {least}.",

  "state.queued": "Waiting for its turn",
  "state.downloading": "Fetching the music",
  "state.preprocessing": "Getting the sound ready",
  "state.extracting": "Listening",
  "state.uploading": "Keeping what was heard",
  "state.completed": "Heard",
  "state.failed": "Could not be used",
  "state.cancelled": "Stopped",
  "state.clips": "{done} of {total} clips",

  "words.title": "Your words",
  "words.label": "What would you like to hear?",
  "words.empty": "Write a few words first, such as “calm piano”.",
  "words.ideas": "Ideas:",
  "words.examples": ["calm piano for studying", "slow guitar by the sea", "happy drums for a walk", "deep warm synths at night"],

  "make.title": "Make it",
  "make.length": "How long?",
  "make.seconds": "{count} seconds",
  "make.minutes": "{count} minutes",
  "make.minute": "1 minute",
  "make.go": "Make music",
  "make.stop": "Stop",
  "make.asking": "Asking for your music",
  "make.made": "{made} of {total} made",
  "make.ready": "Ready. {length}. Press space to play.",
  "make.readyPlaying": "Ready. {length}. It is playing; press space to pause.",
  "make.stopped": "Stopped. Your words are still here.",
  "make.resuming": "The line broke at {made}. Picking it up again.",
  "make.again": "Back where you were. Getting your music again.",

  "live.go": "Play live",
  "live.stop": "Stop playing live",
  "live.asking": "Asking for live music",
  "live.playing": "Playing live. Change the words or move a slider, and hear it at once.",
  "live.heard": "You hear: {what}.",
  "live.refused": "That could not be done, so the music goes on as it was: {why}.",
  "live.ended": "The live music has ended. Your words are still here.",

  "listen.title": "Listen and change it",
  "listen.player": "Player",
  "listen.position": "Position",
  "listen.positionValue": "{at} of {total}",
  "listen.play": "Play", "listen.pause": "Pause",
  "listen.back": "Back 5 seconds", "listen.forward": "Forward 5 seconds",
  "listen.volume": "Volume",
  "listen.volumeValue": "{percent} percent",
  "listen.download": "Download as WAV",
  "listen.longer": "Make it 10 seconds longer",
  "listen.buffering": "buffering",
  "listen.made": "still being made",
  "listen.ended": "the end",
  "listen.take": "“{prompt}”",

  "refine.title": "Change the sound",
  "refine.hint": "Move what you like, then make it again. Nothing is lost: every version stays.",
  "refine.words": "Say what to change",
  "refine.example": "Such as “more bass, a touch less tense”, “half the drums” or “undo”.",
  "refine.go": "Move the sliders",
  "refine.back": "Take it back",
  "refine.takenBack": "The sliders are back where they were.",
  "refine.empty": "Write a few words first, such as “more bass”.",
  "refine.kept": "The sliders have not moved.",
  "refine.next": "Say it in other words, or move the sliders yourself.",
  "refine.coming": "{sliders} will come here soon: this model is still learning what they mean.",
  "refine.keep": "Keep the rest as close to this version as it can",
  "refine.again": "Make again with these",
  "refine.reset": "Set all to the middle",
  "refine.less": "Less {name}", "refine.more": "More {name}", "refine.one": "Reset {name}",

  "slider.energy": ["energy", "calm", "driving"],
  "slider.tempo": ["tempo", "slower", "faster"],
  "slider.bass_resonance": ["bass", "thin", "deep"],
  "slider.harmonic_complexity": ["chords", "plain", "rich"],
  "slider.instrument_density": ["instruments", "few", "many"],
  "slider.vocal_presence": ["voices", "none", "clear"],
  "slider.emotional_tension": ["tension", "relaxed", "tense"],
  "value.same": "as it is",
  "value.little": "a little {way} {name}",
  "value.some": "{way} {name}",
  "value.much": "much {way} {name}",
  "value.more": "more", "value.less": "less",
  "strength.words": ["off", "a hint", "a little", "some", "normal", "a bit more", "strong", "stronger", "as much as it can"],

  "versions.title": "Versions",
  "versions.undo": "Undo", "versions.redo": "Redo",
  "versions.name": "Version {number}",
  "versions.same": "first try",
  "versions.now": "in the player",
  "versions.open": "Open",
  "versions.compare": "Compare with",
  "versions.swap": "Play the other one",
  "versions.swapBack": "Play this one again",
  "versions.compareHint": "Both play equally loud, from the same place.",
  "versions.opened": "Version {number} is open.",
  "versions.hearing": "You hear version {number}.",
  "versions.words": "new words", "versions.taste": "new taste", "versions.length": "new length", "versions.seed": "a fresh start",

  "details.title": "About this music",
  "details.model": "Model", "details.backend": "Runs on", "details.id": "Request id", "details.rate": "Sample rate",
  "details.seed": "Seed", "details.duration": "Length", "details.bpm": "Beats a minute", "details.license": "Licence of the weights",
  "details.data": "Trained on", "details.limits": "What it cannot do", "details.steering": "Steered by", "details.made": "Made by",
  "details.machine": "A machine. This music was generated by an AI model.",
  "details.nothing": "nothing but your words",
  "details.bpmNone": "no steady beat was found",
  "details.hz": "{rate} samples a second",

  "library.title": "Your music",
  "library.hint": "Everything that was made here.",
  "library.open": "Open “{prompt}”", "library.download": "Download “{prompt}”", "library.delete": "Delete “{prompt}”",
  "library.openShort": "Open", "library.downloadShort": "Download", "library.deleteShort": "Delete",
  "library.sure": "Really delete?", "library.deleted": "Deleted.", "library.more": "Show more",

  "settings.title": "Settings",
  "settings.shortcuts": "Use single keys",
  "settings.keys": "Space plays and pauses. The left and right arrow keys go back and forward 5 seconds.",
  "settings.autoplay": "Play at once, while it is being made",

  "foot.api": "For programs: the REST interface",
  "foot.model": "{model} on {backend}. Licence of the weights: {license}. {limits}",

  // Errors say what happened, what we kept, and what to do next.
  "kept.words": "Your words and settings are still here.",
  "kept.part": "Your words are still here, and so is the music up to {made}.",
  "kept.songs": "Your songs were not changed. You can still make music from words.",
  "kept.all": "Nothing was lost.",
  "next.fix": "Change what is marked, then try again.",
  "next.wait": "Wait {seconds} seconds, then try again.",
  "next.again": "Try again.",
  "next.taste": "Choose your songs again in step 1, or go on without a taste.",
  "next.sliders": "Set the sliders to the middle, or try again in a minute.",
  "next.other": "Try another file or link, or go on without a taste.",
  "next.check": "Check that Resonance is still running, then try again.",
  "error.network": "The page cannot reach Resonance.",
  "error.cut": "The music stopped coming before it was whole.",
  "error.sound": "This browser could not start sound.",
  "error.gone": "That music is not here any more.",
  "error.tryAgain": "Try again",
};

const plurals = new Intl.PluralRules("en");
const NOUNS = { song: ["1 song", "{n} songs"], second: ["1 second", "{n} seconds"], slider: ["1 slider", "{n} sliders"] };

/** The string of a key, with {names} filled in. */
export function t(key, values = {}) {
  const text = STRINGS[key];
  if (text === undefined) throw new Error(`no string ${key}`);
  return typeof text === "string" ? filled(text, values) : text;
}

/** "1 song", "3 songs". */
export function count(noun, n) {
  const [one, many] = NOUNS[noun];
  return filled(plurals.select(n) === "one" ? one : many, { n });
}

function filled(text, values) {
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}
