// Versions of the piece: open, undo, redo, compare.

import { sayNow } from "../core/announce.js";
import { byId, el, enable, show } from "../core/dom.js";
import { figureOfBody, paintFigure } from "../pictures/figure.js";
import { rove } from "../inputs/roving.js";
import { ownInWords } from "./own-sliders.js";
import { inWords, sliderName } from "./sliders.js";
import { loadVersions, saveVersions } from "../core/store.js";
import { list, t } from "../core/strings.js";

const KEPT = 30;

/** The list. `open(version)` puts one into the player; `swap(version)` plays it in place of the open one, or back (null). */
export class Versions {
  /** @param {{ open(version: Version): void, swap(other: Version | null): void }} options */
  constructor({ open, swap }) {
    this._open = open;
    this._swap = swap;
    /** @type {{ items: Version[], at: number }} */
    this._list = loadVersions();
    this._isSwapped = false;
    rove(byId("version-list"), ".version");
    byId("compare-with").addEventListener("change", () => this._isSwapped && this._unswap());
    this.draw();
  }

  get current() {
    return this._list.items[this._list.at] || null;
  }

  /**
   * Adds a version and opens it; one that is there already is only opened.
   * @param {Version} version
   */
  add(version) {
    const { items } = this._list;
    const known = items.findIndex((item) => item.requestId === version.requestId);
    if (known >= 0) this._list.at = known;
    else {
      const number = this.nextNumber;
      this._list.items = [...items, { ...version, number }].slice(-KEPT);
      this._list.at = this._list.items.length - 1;
    }
    this._settle();
  }

  /**
   * Forgets a version whose music is gone.
   * @param {string} requestId
   */
  remove(requestId) {
    const open = this.current;
    this._list.items = this._list.items.filter((item) => item.requestId !== requestId);
    const at = this._list.items.indexOf(open);
    this._list.at = at >= 0 ? at : this._list.items.length - 1;
    this._settle();
  }

  draw() {
    const { items, at } = this._list;
    show(byId("versions"), items.length > 1);
    enable(byId("undo"), at > 0);
    enable(byId("redo"), at < items.length - 1);
    const focused = /** @type {HTMLElement | null} */ (document.activeElement)?.dataset?.version;
    byId("version-list").replaceChildren(...items.map((item, i) => this._row(item, i)));
    if (focused) /** @type {HTMLElement | null} */ (byId("version-list").querySelector(`[data-version="${focused}"]`))?.focus();
    this._drawCompare();
    byId("version-list").querySelector("[aria-pressed=true]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  /** The number that the next version gets. */
  get nextNumber() {
    return 1 + Math.max(0, ...this._list.items.map((item) => item.number));
  }

  get canCompare() {
    return this._list.items.length > 1;
  }

  /**
   * Opens the version before or after, or the one of a number; returns it, or null where there is none.
   * @param {{ by?: number, number?: number }} which
   */
  go({ by = 0, number = 0 }) {
    const at = number ? this._list.items.findIndex((item) => item.number === number) : this._list.at + by;
    if (!this._list.items[at]) return null;
    this._go(at);
    return this.current;
  }

  /**
   * Plays another version in place of the open one, or the open one again.
   * @param {number} number of the other; 0 for the chosen one
   */
  compare(number = 0) {
    if (number && !this._isSwapped) byId("compare-with").value = String(number);
    if (byId("compare-with").value) this._press();
  }

  _settle() {
    this._isSwapped = false;
    saveVersions(this._list);
    this.draw();
  }

  /** @param {number} at */
  _go(at) {
    this._list.at = at;
    this._settle();
    sayNow(t("versions.opened", { number: this.current.number }));
    this._open(this.current);
  }

  /**
   * @param {Version} item
   * @param {number} i
   */
  _row(item, i) {
    const isOpen = i === this._list.at;
    const cover = el("canvas", { class: "cover", width: 44, height: 44, "aria-hidden": "true" });
    paintFigure(cover, figureOfBody(item.body, item.seed));
    return el("li", { "aria-current": isOpen ? "true" : false },
      el("button", { type: "button", class: "version", "data-version": item.number, "aria-pressed": String(isOpen), tabindex: isOpen ? "0" : "-1", onclick: () => this._go(i) },
        cover,
        el("span", {},
          el("span", { class: "version-name" }, t("versions.name", { number: item.number })),
          el("span", { class: "version-change" }, this._difference(item, i)))));
  }

  /**
   * What was changed against the version before, in words.
   * @param {Version} item
   * @param {number} i
   */
  _difference(item, i) {
    const before = this._list.items[i - 1];
    if (!before) return t("versions.same");
    const [now, then] = [item.body, before.body];
    const sliders = new Set([...Object.keys(now.sliders || {}), ...Object.keys(then.sliders || {})]);
    const moved = [...sliders].filter((name) => (now.sliders?.[name] || 0) !== (then.sliders?.[name] || 0));
    const changes = moved.map((name) => t("answer.slider", { name: sliderName(name), words: inWords(name, now.sliders?.[name] || 0) }));
    /** @param {GenerationBody} body @param {string} name */
    const place = (body, name) => body.concepts?.find((one) => one.name === name)?.position || 0;
    const own = new Set([...(now.concepts || []), ...(then.concepts || [])].map((one) => one.name));
    changes.push(...[...own].filter((name) => place(now, name) !== place(then, name)).map((name) => ownInWords(name, place(now, name))));
    if (now.prompt !== then.prompt) changes.unshift(now.prompt);
    if (JSON.stringify(now.recipe_changes) !== JSON.stringify(then.recipe_changes)) changes.push(t("tabs.lanes"));
    /** @param {"taste_id" | "taste_strength" | "taste_in_words"} name */
    const isOther = (name) => now[name] !== then[name];
    const mixed = ["tastes", "taste_path"].some((name) => JSON.stringify(/** @type {any} */ (now)[name]) !== JSON.stringify(/** @type {any} */ (then)[name]));
    if (mixed || /** @type {const} */ (["taste_id", "taste_strength", "taste_in_words"]).some(isOther)) changes.push(t("versions.taste"));
    if (now.bpm !== then.bpm || now.key !== then.key || now.negative_prompt !== then.negative_prompt) changes.push(t("versions.music"));
    if (now.duration_s !== then.duration_s) changes.push(t("versions.length"));
    return list(changes) || t("versions.seed");
  }

  _drawCompare() {
    const others = this._list.items.filter((item, i) => i !== this._list.at);
    const select = byId("compare-with");
    const chosen = select.value;
    select.replaceChildren(...others.map((item) => el("option", { value: item.number }, t("versions.name", { number: item.number }))));
    const fallback = this._list.items[this._list.at - 1] || others[0];
    select.value = others.some((item) => String(item.number) === chosen) ? chosen : String(fallback?.number ?? "");
    show(byId("swap"), others.length > 0);
    show(byId("compare-with"), others.length > 1);
    byId("swap").setAttribute("aria-pressed", String(this._isSwapped));
    byId("swap").replaceChildren("A/B", el("span", { class: "sr" }, `: ${t(this._isSwapped ? "versions.swapBack" : "versions.swap")}`));
  }

  _press() {
    if (this._isSwapped) {
      this._unswap();
      return;
    }
    const other = this._list.items.find((item) => String(item.number) === byId("compare-with").value);
    this._isSwapped = true;
    this._drawCompare();
    sayNow(t("versions.hearing", { number: other.number }));
    this._swap(other);
  }

  _unswap() {
    this._isSwapped = false;
    this._drawCompare();
    sayNow(t("versions.hearing", { number: this.current.number }));
    this._swap(null);
  }
}
