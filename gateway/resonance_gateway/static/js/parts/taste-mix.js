// Mix of tastes: rows of the other tastes, a map on which they are points, and the taste at which a piece ends. The page loads it when it is opened.

import * as api from "../core/api.js";
import { sayNow } from "../core/announce.js";
import { byId, el, show } from "../core/dom.js";
import { draft, onDraft, saveDraft } from "../core/store.js";
import { t } from "../core/strings.js";
import { sliderRow } from "./slider.js";
import { inWords } from "./strength.js";
import { TasteMap } from "../pictures/taste-map.js";
import { namesOf } from "./tracks.js";

const STEP = 0.25;
const OTHERS_MAX = 7; // a recipe has eight tastes

export class TasteMix {
  /** @param {{ setStrength(value: number): void }} page moves the slider of the taste in use */
  constructor({ setStrength }) {
    this._setStrength = setStrength;
    /** @type {Map<string, ReturnType<typeof sliderRow>>} */
    this._rows = new Map();
    this._canvas = el("canvas", { class: "taste-map", "aria-hidden": "true" });
    this._map = new TasteMap(this._canvas, (weights) => this._fromMap(weights));
    this._shownFor = "";
    onDraft(() => this._follow());
  }

  /** Lists the tastes that can be mixed with the one in use. */
  async show() {
    const tastes = await api.listTastes().catch(() => /** @type {TasteJson[]} */ ([]));
    const ready = tastes.filter((taste) => taste.state === "completed" && taste.options?.direction_kind !== "words");
    const names = new Map(namesOf(ready).map((name, i) => [ready[i].id, name]));
    const others = ready.filter((taste) => taste.id !== draft.tasteId).slice(0, OTHERS_MAX);
    this._shownFor = draft.tasteId ?? "";
    this._forgetMissing(others);
    this._rows = new Map(others.map((taste) => [taste.id, this._row(taste, names.get(taste.id) ?? "")]));
    const goal = el("select", { id: "tastes-goal", onchange: () => this._chooseGoal(goal.value) },
      el("option", { value: "" }, t("tastes.stays")), ...others.map((taste) => el("option", { value: taste.id }, names.get(taste.id) ?? "")));
    goal.value = draft.goalTasteId ?? "";
    byId("tastes-mix").replaceChildren(...(others.length ? [
      el("p", { class: "hint small" }, t("tastes.hint")),
      ...[...this._rows.values()].map((row) => row.node),
      el("div", { class: "taste-map-frame" }, el("p", { class: "hint small" }, t("tastes.map")), this._canvas),
      el("label", { for: "tastes-goal", class: "label" }, t("tastes.goal")), goal,
      el("p", { class: "hint small" }, t("tastes.goalHint")),
    ] : [el("p", { class: "hint small" }, t("tastes.none"))]));
    const mine = ready.find((taste) => taste.id === draft.tasteId);
    this._map.show((mine ? [mine, ...others] : others).map((taste) => ({
      id: taste.id, name: names.get(taste.id) ?? "", character: taste.taste?.character ?? null,
    })));
    this._follow();
  }

  /** @param {TasteJson[]} others */
  _forgetMissing(others) {
    const known = new Set(others.map((taste) => taste.id));
    const kept = Object.fromEntries(Object.entries(draft.otherTastes).filter(([id]) => known.has(id)));
    const goal = draft.goalTasteId && known.has(draft.goalTasteId) ? draft.goalTasteId : null;
    if (Object.keys(kept).length === Object.keys(draft.otherTastes).length && goal === draft.goalTasteId) return;
    draft.otherTastes = kept;
    draft.goalTasteId = goal;
    saveDraft();
  }

  /**
   * @param {TasteJson} taste
   * @param {string} name
   */
  _row(taste, name) {
    return sliderRow({
      id: `taste-of-${taste.id}`, title: name, labels: [t("tastes.less", { name }), t("tastes.more", { name }), t("tastes.without", { name })],
      low: inWords(-1), high: inWords(1), min: -1, max: 1, step: STEP, big: STEP, neutral: 0, value: draft.otherTastes[taste.id] ?? 0,
      toWords: inWords, onChange: (value) => this._set(taste.id, value),
    });
  }

  /**
   * @param {string} id
   * @param {number} value
   */
  _set(id, value) {
    const { [id]: _, ...others } = draft.otherTastes;
    draft.otherTastes = value ? { ...others, [id]: value } : others;
    saveDraft();
  }

  /** @param {string} id */
  _chooseGoal(id) {
    draft.goalTasteId = id || null;
    saveDraft();
  }

  /**
   * The mix of a place on the map.
   * @param {Record<string, number>} weights
   */
  _fromMap(weights) {
    const { [draft.tasteId ?? ""]: mine = 0, ...others } = weights;
    draft.otherTastes = Object.fromEntries(Object.entries(others).filter(([, value]) => value));
    this._setStrength(mine);
    saveDraft();
    sayNow(t("tastes.moved"));
  }

  /** Shows what the draft says: another version may have been opened. */
  _follow() {
    if (this._shownFor !== (draft.tasteId ?? "")) return;
    for (const [id, row] of this._rows) if (row.get() !== (draft.otherTastes[id] ?? 0)) row.set(draft.otherTastes[id] ?? 0);
    const goal = /** @type {HTMLSelectElement | null} */ (document.getElementById("tastes-goal"));
    if (goal) goal.value = draft.goalTasteId ?? "";
    this._map.place({ ...draft.otherTastes, ...(draft.tasteId ? { [draft.tasteId]: draft.tasteStrength } : {}) }, draft.goalTasteId);
    show(this._canvas.parentElement ?? this._canvas, this._rows.size > 0);
  }
}
