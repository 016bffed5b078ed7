// Easy view: six large tiles. It has its own address, and is remembered.

import { run } from "../core/commands.js";
import { byId, el, show } from "../core/dom.js";
import { effect, state } from "../core/state.js";
import { saveSettings, settings } from "../core/store.js";
import { t, tOf } from "../core/strings.js";

const QUERY = "easy";
/** @type {[string, () => Promise<string>][]} */
let tiles = [];

/**
 * Builds the view. `say(sentence)` does what a sentence says and resolves to the answer.
 * @param {{ player: import("../sound/player.js").Player, say(sentence: string): Promise<void> }} parts
 */
export function buildEasy({ player, say }) {
  tiles = [
    ["play", () => run("play")],
    ["like", () => run("again")],
    ["else", () => run("else")],
    ["calmer", () => said(say, t("easy.calmerSentence"))],
    ["livelier", () => said(say, t("easy.livelierSentence"))],
    ["keep", () => run("keep")],
  ];
  byId("easy-tiles").replaceChildren(...tiles.map(([name, act]) =>
    el("button", { type: "button", class: "tile", id: `easy-${name}`, onclick: () => act().then((answer) => answer && tell(answer)) }, tOf("easy", name))));
  byId("easy-close").addEventListener("click", () => setEasy(false));
  addEventListener("popstate", () => (state.isEasy.value = isAsked()));
  player.addEventListener("change", () => drawPlay(player));
  effect(() => {
    state.live.value;
    drawPlay(player);
  });
  state.isEasy.value = isAsked() || settings.isEasy;
  effect(() => {
    const isEasy = state.isEasy.value;
    show(byId("easy"), isEasy, byId("easy-open"));
    document.body.classList.toggle("is-easy", isEasy);
    if (isEasy) byId("easy-play").focus();
  });
  effect(() => {
    const talk = state.talk.value;
    const last = talk.at(-1);
    if (state.isEasy.value && last?.who === "it") tell(last.text);
  });
}

/** @param {boolean} isEasy */
export function setEasy(isEasy) {
  settings.isEasy = isEasy;
  saveSettings();
  const url = new URL(location.href);
  if (isEasy) url.searchParams.set("view", QUERY);
  else url.searchParams.delete("view");
  history.pushState(null, "", url);
  state.isEasy.value = isEasy;
}

const isAsked = () => new URL(location.href).searchParams.get("view") === QUERY;

/** @param {import("../sound/player.js").Player} player */
function drawPlay(player) {
  const sounds = state.live.value ? !state.live.value.isPaused : player.isPlaying;
  byId("easy-play").textContent = t(sounds ? "easy.stop" : "easy.play");
}

/**
 * @param {(sentence: string) => Promise<void>} say
 * @param {string} sentence
 */
async function said(say, sentence) {
  await say(sentence);
  return "";
}

/** @param {string} text */
function tell(text) {
  byId("easy-now").textContent = text;
}
