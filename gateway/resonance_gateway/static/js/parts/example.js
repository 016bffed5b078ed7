// Example piece of a first visit: it plays one press after the page opens.

import { byId, show } from "../core/dom.js";
import { state } from "../core/state.js";
import { t } from "../core/strings.js";
import { Take } from "../sound/take.js";

const ADDRESS = "static/example/example.mp3";
const RATE_HZ = 32000;
const BODY = { prompt: "calm piano for studying", duration_s: 12 };

export class Example {
  /**
   * @param {{ player: import("../sound/player.js").Player, generation: import("./generation.js").GenerationStep }} parts
   */
  constructor({ player, generation }) {
    this._player = player;
    this._generation = generation;
    /** @type {Promise<AudioBuffer> | null} */
    this._sound = null;
    byId("hear").addEventListener("click", () => this.play());
  }

  /** Offers the example to who has made nothing yet; fetches and decodes it, so that a press is answered at once. */
  offer() {
    document.body.classList.add("is-first");
    state.isExample.value = true;
    show(byId("hear"), true);
    this._sound = load();
    this._sound.catch(() => this._withdraw());
    const stop = state.take.subscribe((take) => {
      if (!take) return;
      show(byId("hear"), false, byId("play"));
      document.body.classList.remove("is-first");
      queueMicrotask(() => stop());
    });
  }

  /** Plays the example. */
  async play() {
    if (!this._sound) return "";
    const waking = this._player.wake(RATE_HZ);
    const take = toTake(await this._sound);
    await waking;
    if (this._player.take) return "";
    await this._generation.adopt(take, { isVersion: false });
    this._player.play();
    return t("act.playing");
  }

  _withdraw() {
    this._sound = null;
    show(byId("hear"), false);
    document.body.classList.remove("is-first");
    state.isExample.value = false;
  }
}

/** The sound at the player's rate. No audio context is open yet: it may begin with a press only. */
async function load() {
  const answer = await fetch(ADDRESS);
  if (!answer.ok) throw new Error("no example");
  return new OfflineAudioContext(1, 1, RATE_HZ).decodeAudioData(await answer.arrayBuffer());
}

/** @param {AudioBuffer} sound */
function toTake(sound) {
  /** @type {TakeStreamInfo} */
  const stream = {
    reader: null, byteCount: 0, requestId: "example", sampleRateHz: sound.sampleRate, durationS: sound.duration, backend: "", model: t("example.model"),
    steering: null, seed: 0, notices: [], place: 0, waitS: null,
  };
  const take = new Take({
    requestId: "example", body: { ...BODY }, stream, sampleRateHz: sound.sampleRate, channelCount: 1, sampleCount: sound.length, header: new Uint8Array(0),
  });
  take.isExample = true;
  take.append(Int16Array.from(sound.getChannelData(0), (value) => Math.max(-32768, Math.min(32767, Math.round(value * 32768)))));
  return take;
}
