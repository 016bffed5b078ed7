// Live picture: the scene of what sounds now, driven by the sound and by what steers it.

import * as api from "../../core/api.js";
import { state } from "../../core/state.js";
import { draft } from "../../core/store.js";
import { fnv1a } from "../figure.js";
import { loadTables, Scene } from "./scene.js";

/** @typedef {import("../../sound/take.js").Take} Take */

export class LivePicture {
  /**
   * @param {{ engine: import("../../sound/engine.js").Engine, player: import("../../sound/player.js").Player, onReady(): void }} parts
   */
  constructor({ engine, player, onReady }) {
    this._engine = engine;
    this._player = player;
    this._onReady = onReady;
    /** @type {Scene | null} */
    this._scene = null;
    this._name = "";
    /** @type {{ id: string, rateHz: number, curves: Map<string, number[]> } | null} projections of a take on the sliders */
    this._timeline = null;
    this._asked = "";
  }

  /**
   * Paints the scene. False while its tables are not there: the caller paints something else.
   * @param {HTMLCanvasElement} canvas
   * @param {number} inset rows at the foot that something else covers
   * @param {number} nowMs
   * @param {boolean} isStill
   */
  paint(canvas, inset, nowMs, isStill) {
    const { take } = this._player;
    const [text, seed] = state.live.value || !take ? [draft.prompt, 0] : [take.body.prompt ?? "", take.stream.seed];
    this._open(text, seed);
    if (!this._scene) return false;
    const sounds = this._player.isPlaying || state.live.value !== null;
    if (isStill) this._scene.rest();
    else this._scene.advance(nowMs, sounds ? this._engine.bands : { level: 0, low: 0, high: 0 }, this._sliders(take), state.live.value ? null : (state.record.value?.bpm ?? null));
    this._scene.paint(canvas, inset);
    return true;
  }

  /** @param {string} text @param {number} seed */
  _open(text, seed) {
    const name = `${seed} ${text}`;
    if (name === this._name) return;
    this._name = name;
    loadTables().then(
      (tables) => {
        if (name !== this._name) return;
        const before = this._scene?.drive;
        this._scene = new Scene(tables, text, seed || fnv1a(text));
        if (before) this._scene.drive = before; // the walk goes on
        this._onReady();
      },
      () => {
        this._name = ""; // the next frame asks again
      },
    );
  }

  /**
   * Positions of the sliders in what is heard now: of the recipe in force while it is played live, the model's own states for a take.
   * @param {Take | null} take
   * @returns {SliderValues}
   */
  _sliders(take) {
    if (state.live.value) return state.live.value.sliders;
    if (!take) return draft.sliders;
    this._fetchTimeline(take);
    const given = take.body.sliders ?? {};
    if (this._timeline?.id !== take.requestId) return given;
    const at = Math.floor(this._player.positionS * this._timeline.rateHz);
    return { ...given, ...Object.fromEntries([...this._timeline.curves].map(([name, values]) => [name, Math.max(-1, Math.min(1, values[Math.min(at, values.length - 1)]))])) };
  }

  /** @param {Take} take */
  _fetchTimeline(take) {
    if (this._asked === take.requestId || !take.isWhole || take.isExample || take.body.isLive || !state.record.value) return;
    this._asked = take.requestId;
    api.getTimeline(take.requestId).then(
      ({ rate_hz, curves }) => {
        if (curves?.length) this._timeline = { id: take.requestId, rateHz: rate_hz, curves: new Map(curves.map(({ slider, values }) => [slider, values])) };
      },
      () => {}, // the sliders that were asked for drive the picture
    );
  }
}
