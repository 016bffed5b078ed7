// Stage: the figure of the piece, its name and its facts.

import { byId } from "../core/dom.js";
import { computed, effect, state } from "../core/state.js";
import { draft, onDraft, saveSettings, settings } from "../core/store.js";
import { t } from "../core/strings.js";
import { between, figureOf, figureOfBody, paintFigure } from "../pictures/figure.js";
import { musicFacts } from "./describe.js";

const GLIDE_MS = 600;
const FRAME_MS = 1000 / 30;
const LEVEL_WIDTH = 0.35; // how much wider lines are at full level
const COLUMNS_MAX = 320;
const PLACE_COLUMNS_MAX = 960;

export class Stage {
  /**
   * @param {{ engine: import("../sound/engine.js").Engine, player: import("../sound/player.js").Player,
   *   versions: import("./versions.js").Versions }} parts
   */
  constructor({ engine, player, versions }) {
    this._engine = engine;
    this._player = player;
    this._canvas = byId("figure");
    this._reduced = matchMedia("(prefers-reduced-motion: reduce)");
    this._from = this._to = this._now = figureOf("Resonance");
    this._sinceMs = -Infinity;
    this._lastMs = -Infinity;
    this._level = 0;
    /** @type {import("../pictures/scene/live-picture.js").LivePicture | null} */
    this._place = null;
    /** @type {Promise<typeof import("../pictures/scene/live-picture.js")> | null} */
    this._opening = null;
    new ResizeObserver(() => this._fit()).observe(this._canvas);
    onDraft(() => this._aim());
    player.addEventListener("change", () => this._wake());
    document.addEventListener("visibilitychange", () => this._wake());
    this._reduced.addEventListener("change", () => this._wake());
    effect(() => {
      state.take.value;
      state.live.value;
      this._aim();
    });
    this._showWords(versions);
    this._watchStill();
    this._watchPlace();
  }

  /** @param {import("./versions.js").Versions} versions */
  _showWords(versions) {
    const name = computed(() => {
      if (state.live.value) return draft.prompt.trim();
      return state.take.value?.body.prompt ?? "";
    });
    effect(() => {
      byId("piece-name").textContent = name.value || t("headline");
    });
    effect(() => {
      const take = state.take.value;
      const number = take && versions.current?.requestId === take.requestId ? versions.current.number : 0;
      byId("take-title").textContent = state.live.value ? t("now.live") : !take ? "" : take.isExample ? t("now.example") : t("versions.name", { number });
    });
    effect(() => {
      const take = state.take.value;
      byId("take-facts").textContent = take && !state.live.value ? musicFacts(state.record.value, take).join(" · ") : "";
    });
  }

  _watchStill() {
    const [button, box] = [byId("still-toggle"), byId("still")];
    const set = (/** @type {boolean} */ isStill) => {
      settings.isStill = isStill;
      saveSettings();
      button.setAttribute("aria-pressed", String(isStill));
      box.checked = isStill;
      this._wake();
    };
    button.addEventListener("click", () => set(!settings.isStill));
    box.addEventListener("change", () => set(box.checked));
    set(settings.isStill);
  }

  /** The picture of a place is shown in live music, and otherwise where the user chose it. */
  _watchPlace() {
    const [button, box] = [byId("place-toggle"), byId("place")];
    const isLive = computed(() => state.live.value !== null);
    const show = () => {
      if (this._isPlace) this._openPlace();
      button.setAttribute("aria-pressed", String(this._isPlace));
      box.checked = this._isPlace;
      this._fit();
      this._wake();
    };
    const toggle = () => {
      settings.picture = this._isPlace ? "figure" : "place";
      saveSettings();
      show();
    };
    button.addEventListener("click", toggle);
    box.addEventListener("change", toggle);
    effect(() => {
      isLive.value;
      show();
    });
    const [full, stage] = [byId("full-toggle"), byId("stage")];
    full.hidden = !document.fullscreenEnabled;
    full.addEventListener("click", () => (document.fullscreenElement ? document.exitFullscreen() : stage.requestFullscreen()));
    document.addEventListener("fullscreenchange", () => full.setAttribute("aria-pressed", String(document.fullscreenElement === stage)));
  }

  /** Loads the picture of places when it is first wanted: its code is a tenth of the page's. */
  async _openPlace() {
    this._opening ??= import("../pictures/scene/live-picture.js");
    try {
      const { LivePicture } = await this._opening;
      this._place ??= new LivePicture({ engine: this._engine, player: this._player, onReady: () => this._wake() });
      this._wake();
    } catch {
      this._opening = null; // the figure stays; the next choice tries again
    }
  }

  get _isPlace() {
    return settings.picture ? settings.picture === "place" : state.live.value !== null;
  }

  get _isStill() {
    return settings.isStill || this._reduced.matches;
  }

  /** Glides to the figure of what the player holds, bent by the sliders. */
  _aim() {
    const { take } = this._player;
    const goal = state.live.value || !take ? figureOf(draft.prompt || "Resonance", draft.sliders) : figureOfBody({ ...take.body, sliders: this._isStill ? take.body.sliders : draft.sliders }, take.stream.seed);
    if (goal.n === this._to.n && goal.m === this._to.m && goal.hue === this._to.hue && goal.hueEnd === this._to.hueEnd) return;
    this._from = this._now;
    this._to = goal;
    this._sinceMs = this._isStill ? -Infinity : performance.now();
    this._wake();
  }

  _fit() {
    const { clientWidth, clientHeight } = this._canvas;
    if (!clientWidth || !clientHeight) return;
    const columns = this._isPlace ? Math.min(PLACE_COLUMNS_MAX, clientWidth) : Math.min(COLUMNS_MAX, Math.ceil(clientWidth / 2));
    Object.assign(this._canvas, { width: columns, height: Math.max(2, Math.round((columns * clientHeight) / clientWidth)) });
    this._paint(performance.now());
  }

  _wake() {
    if (this._isAsked || document.hidden) return;
    this._isAsked = true;
    requestAnimationFrame((nowMs) => this._frame(nowMs));
  }

  /** Rows at the picture's foot under the waveform and the line of facts. */
  get _covered() {
    const parts = [byId("waveform"), byId("stage-line")].filter((part) => part.offsetHeight);
    const { height, clientHeight } = this._canvas;
    return (height * (clientHeight - Math.min(clientHeight, ...parts.map((part) => part.offsetTop)))) / Math.max(1, clientHeight);
  }

  /** @param {number} nowMs */
  _frame(nowMs) {
    this._isAsked = false;
    const isGliding = nowMs - this._sinceMs < GLIDE_MS;
    if (nowMs - this._lastMs >= FRAME_MS - 1) this._paint(nowMs);
    else this._wake();
    if ((isGliding || this._player.isPlaying || state.live.value) && !this._isStill) this._wake();
  }

  /** @param {number} nowMs */
  _paint(nowMs) {
    this._lastMs = nowMs;
    if (this._isPlace && this._place?.paint(this._canvas, this._covered, nowMs, this._isStill)) return;
    const share = Math.min(1, Math.max(0, (nowMs - this._sinceMs) / GLIDE_MS));
    this._now = between(this._from, this._to, this._isStill ? 1 : share * share * (3 - 2 * share));
    // The width follows the level slowly: the whole picture never changes its lightness more than three times a second.
    const level = this._isStill ? 0 : Math.min(1, 2 * this._engine.level);
    this._level += 0.06 * (level - this._level);
    paintFigure(this._canvas, { ...this._now, width: this._now.width * (1 + LEVEL_WIDTH * this._level) });
  }
}
