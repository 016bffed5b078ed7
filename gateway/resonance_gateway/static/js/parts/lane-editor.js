// Editor of lanes: curves to draw on, lists of the same changes, and the file of them. The page loads it when lanes are shown.

import * as api from "../core/api.js";
import { sayNow } from "../core/announce.js";
import { byId, clock, show } from "../core/dom.js";
import { marked } from "../core/server-texts.js";
import { all, t } from "../core/strings.js";
import { html, render } from "../vendor/lit-html/lit-html.js";
import { repeat } from "../vendor/lit-html/directives/repeat.js";
import { drawn, pathOf, WIDTH, HEIGHT, valueAt, withPoint } from "./lane-curves.js";
import { labelOf, ownInWords } from "./own-sliders.js";
import { clearProblem, showProblem } from "./problem.js";
import { degreeOf, inWords, shownSliders, sliderName } from "./sliders.js";
import { inWords as strengthInWords } from "./strength.js";

const GRID_S = 0.25;
const GRID_COUNT = 200; // columns of a long piece: a take has 1,024 changes at most
const PAST_MAX = 50;
const ENDING = ".resonance.json";

export class LaneEditor {
  /** @param {{ player: import("../sound/player.js").Player, generation: import("./generation.js").GenerationStep }} page */
  constructor({ player, generation }) {
    this._player = player;
    this._generation = generation;
    /** @type {LanesJson | null} */
    this._lanes = null;
    this._takeId = "";
    /** @type {CurveJson[][]} */
    this._past = [];
    this._node = byId("lane-editor");
    player.addEventListener("change", () => this._placeLine());
  }

  /**
   * Shows the lanes of a stored take; those that are open already stay, with their edits.
   * @param {string} takeId
   */
  async open(takeId) {
    if (takeId === this._takeId) return;
    this._takeId = takeId;
    const lanes = await api.getLanes(takeId).catch(() => /** @type {LanesJson | null} */ (null));
    if (takeId !== this._takeId) return;
    this._use(lanes);
  }

  /** Forgets the lanes: there is no stored take. */
  close() {
    this._takeId = "";
    this._use(null);
  }

  /** @param {LanesJson | null} lanes */
  _use(lanes) {
    this._lanes = lanes;
    this._past = [];
    clearProblem(byId("lanes-error"));
    show(byId("lanes"), !lanes);
    this._draw();
  }

  get _stepS() {
    return Math.max(GRID_S, Math.ceil((this._lanes.duration_s / GRID_COUNT) * 4) / 4);
  }

  /**
   * Changes one curve; it can be taken back. One without points is left out.
   * @param {CurveJson} curve
   * @param {[number, number][]} points
   * @param {boolean} isFirst false while a stroke goes on
   */
  _change(curve, points, isFirst = true) {
    if (isFirst) this._past = [...this._past, this._lanes.curves].slice(-PAST_MAX);
    const others = this._lanes.curves.map((one) => (isSame(one, curve) ? { ...one, points } : one));
    const isNew = !this._lanes.curves.some((one) => isSame(one, curve));
    this._lanes = { ...this._lanes, curves: isNew ? [...others, { ...curve, points }] : others };
    this._draw();
  }

  _undo() {
    this._lanes = { ...this._lanes, curves: this._past.at(-1) };
    this._past = this._past.slice(0, -1);
    this._draw();
    sayNow(t("lanes.undone"));
    if (!this._past.length) this._node.querySelector("h4")?.focus();
  }

  async _play() {
    clearProblem(byId("lanes-error"));
    this._player.wake().catch(() => {});
    try {
      const { generation, notices } = await api.askLanes(this._file());
      byId("lanes-notices").replaceChildren(...notices.map(marked));
      this._generation.make({ ...generation, request_id: api.newRequestId() }, byId("lanes-error"));
    } catch (error) {
      showProblem(byId("lanes-error"), error, { kept: t("lanes.kept"), retry: () => this._play() });
    }
  }

  /** The file of the lanes in hand; after an edit it is no longer that of the take. */
  _file() {
    const { take, ...rest } = { ...this._lanes, curves: this._lanes.curves.filter((curve) => curve.points.length) };
    return this._past.length ? rest : { ...rest, ...(take ? { take } : {}) };
  }

  _save() {
    const url = URL.createObjectURL(new Blob([`${JSON.stringify(this._file(), null, 1)}\n`], { type: "application/json" }));
    const name = (this._lanes.title || "lanes").replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "").slice(0, 40) || "lanes";
    Object.assign(document.createElement("a"), { href: url, download: `${name}${ENDING}` }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  }

  /** @param {Event} event */
  async _read(event) {
    const input = /** @type {HTMLInputElement} */ (event.target);
    const [file] = input.files;
    input.value = "";
    if (!file) return;
    clearProblem(byId("lanes-error"));
    try {
      const lanes = JSON.parse(await file.text());
      const { notices } = await api.askLanes(lanes);
      this._use(lanes);
      byId("lanes-notices").replaceChildren(...notices.map(marked));
      sayNow(t("lanes.opened", { title: lanes.title || file.name }));
    } catch (error) {
      const problem = error instanceof api.ApiError ? error : { words: t("lanes.unread") };
      showProblem(byId("lanes-error"), problem, { kept: t("lanes.kept"), next: t("lanes.chooseOther") });
    }
  }

  _draw() {
    const lanes = this._lanes;
    if (!lanes) {
      render(html`${this._fileTools()}`, this._node);
      return;
    }
    const open = new Set(lanes.curves.filter((curve) => curve.kind === "slider").map((curve) => curve.name));
    const more = shownSliders().filter((name) => !open.has(name));
    render(html`
      <h4 tabindex="-1">${t("lanes.edit")}</h4>
      <p class="hint small">${t("lanes.draw")}</p>
      ${lanes.recipes.length > 1 ? html`<ul class="lanes">${lanes.recipes.slice(1).map((item) => html`
        <li>${t("lanes.change", { at: clock(item.at_s), what: t("quoted", { text: item.recipe.prompts?.[0]?.text ?? "" }) })}</li>`)}</ul>` : ""}
      ${repeat(lanes.curves, (curve) => `${curve.kind} ${curve.name}`, (curve, number) => this._lane(curve, number))}
      <div class="lane-tools">
        ${more.length ? html`<label class="sr" for="lane-more">${t("lanes.more")}</label>
        <select id="lane-more" @change=${(/** @type {Event} */ event) => this._add(event)}>
          <option value="">${t("lanes.more")}</option>${more.map((name) => html`<option value=${name}>${sliderName(name)}</option>`)}
        </select>` : ""}
        <button type="button" class="button primary" id="lanes-go" @click=${() => this._play()}>${t("lanes.go")}</button>
        <button type="button" class="button quiet" id="lanes-undo" ?disabled=${!this._past.length} @click=${() => this._undo()}>${t("lanes.undo")}</button>
        <button type="button" class="button quiet" id="lanes-save" @click=${() => this._save()}>${t("lanes.save")}</button>
      </div>
      ${this._fileTools()}`, this._node);
    this._placeLine();
  }

  _fileTools() {
    return html`<div class="lane-tools"><label class="label" for="lanes-file">${t("lanes.open")}</label>
      <input type="file" id="lanes-file" accept=".json,application/json" @change=${(/** @type {Event} */ event) => this._read(event)}></div>`;
  }

  /** @param {Event} event */
  _add(event) {
    const select = /** @type {HTMLSelectElement} */ (event.target);
    const name = select.value;
    select.value = "";
    if (!name) return;
    this._change({ kind: "slider", name, points: [] }, [[0, 0]]);
    /** @type {HTMLElement | null} */ (this._node.querySelector(`#lane-${this._lanes.curves.length - 1} summary`))?.focus();
  }

  /**
   * One lane: its curve, and the list of the same changes.
   * @param {CurveJson} curve
   * @param {number} number
   */
  _lane(curve, number) {
    const { duration_s: durationS } = this._lanes;
    const name = nameOf(curve);
    const hereS = () => Math.min(Math.round(this._player.positionS / GRID_S) * GRID_S, durationS - GRID_S);
    return html`<section class="lane-row" id="lane-${number}" aria-label=${name}>
      <p class="lane-name" aria-hidden="true">${name}<span>${curve.kind === "slider" ? all(/** @type {ListKey} */ (`slider.${curve.name}.ends`))[1] : ""}</span></p>
      <svg class="lane" viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" aria-hidden="true" @pointerdown=${(/** @type {PointerEvent} */ event) => this._stroke(event, curve)}>
        <path class="lane-middle" d="M0 ${HEIGHT / 2}H${WIDTH}"></path>
        <path class="lane-curve" vector-effect="non-scaling-stroke" d=${pathOf(curve.points, durationS, reachOf(curve))}></path>
        <path class="lane-now" vector-effect="non-scaling-stroke" d="M0 0"></path>
      </svg>
      <details class="more">
        <summary>${t("lanes.list", { name })}</summary>
        <ol class="lanes">${repeat(curve.points, (_, i) => i, ([atS, value], i) => this._point(curve, i, atS, value, `lane-${number}-${i}`))}</ol>
        <button type="button" class="button" @click=${() => this._change(curve, withPoint(curve.points, hereS(), valueAt(curve.points, hereS())))}>${t("lanes.add")}</button>
      </details>
    </section>`;
  }

  /**
   * @param {CurveJson} curve
   * @param {number} i
   * @param {number} atS
   * @param {number} value
   * @param {string} id
   */
  _point(curve, i, atS, value, id) {
    const others = () => curve.points.filter((_, other) => other !== i);
    const words = wordsOf(curve, value);
    /** @param {Event} event */
    const numberOf = (event) => Number(/** @type {HTMLInputElement} */ (event.target).value);
    const reach = reachOf(curve);
    return html`<li>
      <label class="sr" for="${id}-at">${t("lanes.when")}</label>
      <input type="number" id="${id}-at" dir="ltr" min="0" max=${this._lanes.duration_s - GRID_S} step="0.01" .value=${String(Math.round(atS * 100) / 100)}
        @change=${(/** @type {Event} */ event) => this._change(curve, withPoint(others(), Math.min(Math.max(0, numberOf(event)), this._lanes.duration_s - GRID_S), value))}>
      <label class="sr" for="${id}-value">${nameOf(curve)}</label>
      <input type="range" id="${id}-value" min=${-reach} max=${reach} step="0.1" .value=${String(value)} aria-valuetext=${words}
        @change=${(/** @type {Event} */ event) => this._change(curve, withPoint(others(), atS, numberOf(event)))}>
      <span class="lane-words" aria-hidden="true">${words}</span>
      <button type="button" class="button quiet small-square" aria-label=${t("lanes.remove", { at: clock(atS), what: words })} @click=${() => this._remove(curve, others())}>×</button>
    </li>`;
  }

  /**
   * @param {CurveJson} curve
   * @param {[number, number][]} points
   */
  _remove(curve, points) {
    const summary = /** @type {HTMLElement | null} */ (document.activeElement?.closest("details")?.querySelector("summary") ?? null);
    this._change(curve, points);
    summary?.focus();
  }

  /**
   * A stroke of the pointer: it sets the curve under it, and leaves what lies before and after as it is. A press sets it from there on.
   * @param {PointerEvent} event
   * @param {CurveJson} curve
   */
  _stroke(event, curve) {
    if (event.button) return;
    const svg = /** @type {SVGElement} */ (event.currentTarget);
    const { duration_s: durationS } = this._lanes;
    const step = this._stepS;
    /** @param {PointerEvent} at @returns {[number, number]} */
    const read = (at) => {
      const box = svg.getBoundingClientRect();
      const share = (at.clientX - box.left) / box.width;
      const height = 1 - (2 * (at.clientY - box.top)) / box.height;
      const atS = Math.min(Math.max(0, Math.round((share * durationS) / step) * step), durationS - GRID_S);
      return [atS, Math.round(Math.min(1, Math.max(-1, height)) * reachOf(curve) * 20) / 20];
    };
    const before = curve.points;
    const trail = [read(event)];
    this._change(curve, withPoint(before, ...trail[0]));
    svg.setPointerCapture(event.pointerId);
    /** @param {PointerEvent} moved */
    const move = (moved) => {
      trail.push(read(moved));
      this._change(curve, drawn(before, trail, step, durationS), false);
    };
    svg.addEventListener("pointermove", move);
    const stop = () => {
      svg.removeEventListener("pointermove", move);
      const [lastS, last] = trail.at(-1);
      sayNow(t("lanes.change", { at: clock(lastS), what: wordsOf(curve, last) }));
    };
    svg.addEventListener("pointerup", stop, { once: true });
    svg.addEventListener("pointercancel", stop, { once: true });
    event.preventDefault();
  }

  /** Shows where the player is. */
  _placeLine() {
    if (!this._lanes) return;
    const x = (WIDTH * Math.min(1, this._player.positionS / this._lanes.duration_s)).toFixed(1);
    for (const line of this._node.querySelectorAll(".lane-now")) line.setAttribute("d", `M${x} 0V${HEIGHT}`);
  }
}

/** @param {CurveJson} one @param {CurveJson} other */
const isSame = (one, other) => one.kind === other.kind && one.name === other.name;

/** The largest value that is drawn. @param {CurveJson} curve */
const reachOf = (curve) => (curve.kind === "slider" || curve.kind === "concept" ? 1 : Math.max(1, ...curve.points.map(([, value]) => Math.abs(value))));

/** @param {CurveJson} curve */
function nameOf(curve) {
  if (curve.kind === "slider") return sliderName(curve.name);
  return curve.kind === "taste" ? t("tastes.one") : labelOf(curve.name);
}

/**
 * @param {CurveJson} curve
 * @param {number} value
 */
function wordsOf(curve, value) {
  if (curve.kind === "slider") return inWords(curve.name, value);
  return curve.kind === "taste" ? strengthInWords(value) : ownInWords(curve.name, degreeOf(value) === 3 ? 0 : value);
}
