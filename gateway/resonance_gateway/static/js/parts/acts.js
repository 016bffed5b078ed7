// Acts: what each command does with the parts of the page.

import { sayNow } from "../core/announce.js";
import { bind, COMMANDS, run } from "../core/commands.js";
import { byId, clock, isDisabled } from "../core/dom.js";
import { state } from "../core/state.js";
import { draft, saveDraft, saveSettings, settings } from "../core/store.js";
import { lengthOf, sentences, t } from "../core/strings.js";
import { describe } from "./describe.js";
import { isKept, toggleKept } from "./kept.js";
import { keyInWords, keyNames, setMusic } from "./music.js";
import { centreOwnSliders, moveOwn } from "./own-sliders.js";
import { moveSlider, NAMES, setSliders } from "./sliders.js";
import { knowsEnglishOnly, setLength, setWords } from "./words.js";

const JUMP_S = 5;
const LENGTH_S_MIN = 5;
const ENHARMONIC = /** @type {Record<string, string>} */ ({
  "C#": "Db", Db: "C#", "D#": "Eb", Gb: "F#", "G#": "Ab", Ab: "G#", "A#": "Bb", "E#": "F", Fb: "E", "B#": "C", Cb: "B",
});

/**
 * Binds the commands. `view` opens what lies beside the music.
 * @param {{ generation: import("./generation.js").GenerationStep, live: import("./live.js").LiveStep, player: import("../sound/player.js").Player,
 *   transport: import("./transport.js").Transport, share: import("./share.js").Share, conversation: import("./conversation.js").Conversation,
 *   example: import("./example.js").Example }} parts
 * @param {{ library(): void, keys(): void, settings(): void, easy(): void, microphone(): void }} view
 */
export function bindActs({ generation, live, player, transport, share, conversation, example }, view) {
  const hasTake = () => player.take !== null && !live.isPlaying;
  const isLive = () => live.isPlaying;
  const canOpen = () => !live.isPlaying; // also where the open version could not be fetched
  bindPlaying({ generation, live, player, transport, example, hasTake });
  bindSound({ generation, live, player });

  bind("previous", () => opened(generation.versions.go({ by: -1 })), canOpen);
  bind("next", () => opened(generation.versions.go({ by: 1 })), canOpen);
  bind("version", ({ number = 1 }) => opened(generation.versions.go({ number })), canOpen);
  bind("compare", ({ number = 0 }) => {
    generation.versions.compare(number);
    return "";
  }, () => hasTake() && generation.versions.canCompare);
  bind("takeBack", () => conversation.takeBack());

  bind("keep", ({ on = null }) => {
    const { take } = player;
    const isOn = toggleKept(take.requestId, on);
    showKept(take.requestId);
    return t(isOn ? "keep.kept" : "keep.dropped");
  }, () => hasTake() && !player.take.isExample);
  bind("download", () => generation.further.download(), () => hasTake() && !isDisabled(byId("download")));
  bind("share", () => share.share(), () => hasTake() && !isDisabled(byId("share")));
  bind("library", () => view.library());
  bind("keys", () => view.keys());
  bind("settings", () => view.settings());
  bind("easy", () => view.easy());
  bind("microphone", () => view.microphone(), () => !byId("refine-speak").hidden);
  bind("say", () => byId("refine-text").focus());
  bind("slider", ({ number = 1, name = NAMES[number - 1], by = 0, to = null }) => {
    if (by || to !== null) return moved(name, to ?? position(name) + by);
    state.tab.value = "sound";
    document.getElementById(`slider-${name}`)?.focus();
  });
  bind("describe", () => describe(player, isLive()), () => player.take !== null || isLive());

  const pressed = ["together", "back", "forward", "loop", "again", "more", "longer", "compare", "keep", "download", "share", "describe", "library", "keys", "settings", "easy"];
  for (const { id, control } of COMMANDS) {
    if (pressed.includes(id)) byId(control).addEventListener("click", () => press(id, /** @type {HTMLButtonElement} */ (byId(control))));
  }
  byId("undo").addEventListener("click", () => isDisabled(byId("undo")) || run("previous"));
  byId("redo").addEventListener("click", () => isDisabled(byId("redo")) || run("next"));
  byId("play").addEventListener("click", () => press("play", byId("play")));
  byId("live").addEventListener("click", () => (live.isPlaying ? run("stop") : run("live")));
  byId("live-stop").addEventListener("click", () => run("stop"));
  byId("redo-part").addEventListener("click", () => run("part", { part: state.part.value }).then((answer) => answer && conversation.answer(answer)));
  byId("reset-sliders").addEventListener("click", () => run("reset"));
  byId("refine-back").addEventListener("click", () => run("takeBack").then((answer) => conversation.answer(answer)));

  /**
   * @param {string} id
   * @param {HTMLButtonElement} button
   */
  async function press(id, button) {
    if (isDisabled(button)) return;
    const answer = await run(id);
    if (answer && id === "describe") conversation.answer(answer);
    else if (answer && ["keep", "loop"].includes(id)) sayNow(answer);
  }
}

/** @param {Record<string, any>} parts */
function bindPlaying({ generation, live, player, transport, example, hasTake }) {
  bind("play", ({ to = "" }) => {
    if (live.isPlaying) {
      if (to !== (state.live.value?.isPaused ? "pause" : "play")) live.togglePause();
      return "";
    }
    if (!player.take) return example.play();
    if (to === "pause" && !player.isPlaying) return t("act.paused");
    if (to === "play" && player.isPlaying) return t("act.playing");
    player.toggle();
    return to ? t(to === "pause" ? "act.paused" : "act.playing") : "";
  });
  bind("stop", ({ isKey = false }) => {
    /** @type {HTMLDialogElement | null} */
    const dialog = document.querySelector("dialog[open]");
    if (isKey && dialog) {
      dialog.close();
      return "";
    }
    if (live.isPlaying) {
      live.stop();
      return "";
    }
    if (isKey && state.isLibraryOpen.value) {
      state.isLibraryOpen.value = false;
      return "";
    }
    if (generation.isMaking) {
      generation.stop();
      return isKey ? "" : t("make.stopped");
    }
    if (isKey && !player.isPlaying) return "";
    player.pause();
    return isKey ? "" : t("act.stopped");
  });
  bind("back", ({ byS = JUMP_S }) => transport.jump(-byS), hasTake);
  bind("forward", ({ byS = JUMP_S }) => transport.jump(byS), hasTake);
  bind("seek", ({ atS = null, share = 0, plays = false }) => {
    const { take } = player;
    player.seek(Math.min(atS ?? share * take.durationS, take.durationS));
    if (plays && !player.isPlaying) player.play();
    return t("act.at", { at: clock(player.positionS) });
  }, hasTake);
  bind("loop", ({ to = "", part = null }) => {
    const wanted = part ?? state.part.value ?? { fromS: 0, toS: player.take.durationS };
    const isOn = to ? to === "on" : !player.loop;
    player.repeat(isOn ? wanted : null);
    byId("loop").setAttribute("aria-pressed", String(isOn));
    if (isOn && part) player.seek(part.fromS);
    return isOn ? t("loop.on", { from: clock(wanted.fromS), to: clock(wanted.toS) }) : t("loop.off");
  }, hasTake);
  bind("volume", ({ by = 0, to = null }) => {
    byId("volume").value = String(Math.min(1, Math.max(0, to ?? settings.volume + by)));
    byId("volume").dispatchEvent(new Event("input"));
    saveSettings();
    return t("act.volume", { percent: Math.round(100 * settings.volume) });
  });
  bind("live", async () => {
    await live.start();
    return live.isPlaying ? t("live.asking") : "";
  }, () => !live.isPlaying && !byId("live").hidden && !isDisabled(byId("live")));
  bind("together", () => live.together(), () => !live.isPlaying && !byId("together").hidden && !isDisabled(byId("together")));
}

/** @param {Record<string, any>} parts */
function bindSound({ generation, live, player }) {
  const canMake = () => !live.isPlaying;
  bind("make", () => {
    generation.press({ isAgain: false });
    return generation.isMaking ? t("make.asking") : t("words.empty");
  }, canMake);
  bind("again", async () => making(await generation.next()), canMake);
  bind("else", async () => making(await generation.next({ isFresh: true })), canMake);
  bind("more", () => {
    generation.further.more();
    return t("make.more");
  }, () => canMake() && player.take?.isWhole && !player.take.isExample);
  bind("longer", async ({ byS = 10 }) => {
    const { take } = player;
    const toS = Math.round((take?.durationS ?? draft.durationS) + byS);
    if (take && byS > 0 && generation.further.longer(byS)) return t("act.longer", { length: lengthOf(toS) });
    return lengthen(Math.max(LENGTH_S_MIN, toS));
  }, canMake);
  bind("length", ({ toS = draft.durationS }) => {
    const more = toS - (player.take?.durationS ?? Infinity);
    if (more > 0 && generation.further.longer(more)) return t("act.longer", { length: lengthOf(toS) });
    return lengthen(toS);
  }, canMake);
  bind("part", async ({ part = state.part.value }) => {
    const number = await generation.next({ part });
    return t("act.part", { from: clock(part.fromS), to: clock(part.toS), number });
  }, () => canMake() && player.take?.isWhole && !player.take.body.isLive && !player.take.isExample);
  bind("words", ({ to = "", add = "", isForeign = false }) => {
    if (!to && !add) {
      byId("prompt").focus();
      return "";
    }
    const words = draft.prompt.trim() || player.take?.body.prompt || "";
    setWords(to || [words, `with ${add}`].filter(Boolean).join(", "));
    const unread = isForeign && knowsEnglishOnly(generation.model) ? t("act.english") : "";
    return sentences(to ? t("act.newWords", { words: draft.prompt }) : t("act.added", { what: add }), unread);
  });
  bind("without", ({ add = "" }) => {
    if (!add) {
      byId("music-without").focus();
      return "";
    }
    const earlier = draft.music.without?.trim();
    setMusic({ ...musicBody(), negative_prompt: earlier ? `${earlier}, ${add}` : add });
    const words = without(draft.prompt, add);
    if (words && words !== draft.prompt) setWords(words);
    return t("act.leftOut", { what: add });
  }, () => !byId("music-without-row").hidden);
  bind("tempo", ({ bpm = 0 }) => {
    if (!bpm) {
      byId("music-bpm").focus();
      return "";
    }
    setMusic({ ...musicBody(), bpm });
    return t("act.tempo", { bpm });
  });
  bind("musicKey", ({ key = null }) => {
    const names = keyNames();
    const found = key === null ? null : names.includes(key) || !key ? key : names.find((name) => name === respelt(key)) ?? null;
    if (found === null) return t("act.noKey");
    setMusic({ ...musicBody(), key: found });
    return found ? t("act.key", { key: keyInWords(found) }) : t("act.anyKey");
  });
  bind("taste", ({ to = "" }) => {
    const row = byId("taste-strength-row").querySelector(to === "less" ? ".less" : ".more");
    /** @type {HTMLButtonElement | null} */ (row)?.click();
    return "";
  }, () => Boolean(draft.tasteId) && !byId("taste-strength-row").hidden);
  bind("reset", () => {
    setSliders({});
    centreOwnSliders();
    return t("act.reset");
  });

  /** @param {number} toS */
  async function lengthen(toS) {
    setLength(toS);
    if (!player.take) {
      draft.durationS = toS;
      saveDraft();
      return t("act.length", { length: lengthOf(toS) });
    }
    const number = await generation.next({ durationS: toS });
    return number ? sentences(t("act.length", { length: lengthOf(toS) }), t("answer.making", { number })) : "";
  }
}

/** @param {number} number */
const making = (number) => (number ? t("answer.making", { number }) : "");

/** @param {Version | null} version */
const opened = (version) => (version ? t("versions.opened", { number: version.number }) : t("versions.noOther"));

/** Where a slider stands, one of the user's own words too. @param {string} name */
const position = (name) => draft.own.find((one) => one.name === name)?.position ?? draft.sliders[name] ?? 0;

/**
 * Moves a slider within its ends; answers with its value in words.
 * @param {string} name
 * @param {number} value
 */
function moved(name, value) {
  const within = Math.round(100 * Math.max(-1, Math.min(1, value))) / 100;
  return draft.own.some((one) => one.name === name) ? moveOwn(name, within) : moveSlider(name, within);
}

/** Tempo, key and what to leave out as a body has them. @returns {any} */
function musicBody() {
  const { bpm, key, without: left } = draft.music;
  return { ...(bpm ? { bpm: Number(bpm) } : {}), key: key || "", negative_prompt: left || "" };
}

/**
 * The words without an instrument that is left out.
 * @param {string} words
 * @param {string} instrument
 */
function without(words, instrument) {
  const name = instrument.replace(/s$/, "");
  return words.split(/\s*,\s*/).filter((part) => !new RegExp(`^(?:with )?(?:an? |some |the )?${name}s?$`, "i").test(part)).join(", ");
}

/** @param {string} key */
function respelt(key) {
  const [tonic, mode] = key.split(" ");
  return `${ENHARMONIC[tonic] ?? tonic} ${mode}`;
}

/**
 * Shows whether a take is kept.
 * @param {string} requestId
 */
export function showKept(requestId) {
  byId("keep").setAttribute("aria-pressed", String(isKept(requestId)));
  byId("keep").textContent = t(isKept(requestId) ? "keep.on" : "keep.go");
}
