// Bar of a scan: the choices of the level with the current one framed, a frame around its control, and its spoken name.

import { sayNow } from "../core/announce.js";
import { el } from "../core/dom.js";
import { locale } from "../core/language.js";
import { t } from "../core/strings.js";

/** @typedef {import("./scanning.js").ScanNode} ScanNode */

const MARK = "is-scanned";

export class ScanBar {
  /** @param {{ onEnd: () => void }} options */
  constructor({ onEnd }) {
    this._list = el("ul", { class: "scan-choices" });
    this._end = el("button", { type: "button", class: "button small-square", "aria-label": t("scan.off"), onclick: onEnd }, "×");
    this._node = el("section", { class: "scan-bar", id: "scan-bar", "aria-label": t("scan.bar") }, this._list, this._end);
  }

  /** Shows the bar. The step buttons of the sliders can be reached with Tab as long as it is there. */
  open() {
    document.body.prepend(this._node);
    document.body.classList.add("is-scanning");
    for (const button of buttons("-1")) button.setAttribute("tabindex", "0");
  }

  close() {
    this._mark([]);
    this._node.remove();
    document.body.classList.remove("is-scanning");
    for (const button of buttons("0")) button.setAttribute("tabindex", "-1");
  }

  /**
   * Draws the level. Without a current choice it says what to press.
   * @param {ScanNode[]} items
   * @param {ScanNode | null} current
   */
  draw(items, current) {
    this._list.replaceChildren(...(current ? items : []).map((item) =>
      el("li", { class: item === current ? `scan-choice ${MARK}` : "scan-choice", "aria-current": item === current ? "true" : false }, item.name)));
    if (!current) this._list.append(el("li", { class: "scan-choice" }, t("scan.resting")));
    this._list.querySelector(`.${MARK}`)?.scrollIntoView({ block: "nearest", inline: "center" });
    this._mark(current ? (current.controls ?? []) : []);
  }

  /** @param {string[]} ids of the controls that get the frame */
  _mark(ids) {
    for (const node of document.querySelectorAll(`.${MARK}`)) if (!this._node.contains(node)) node.classList.remove(MARK);
    const nodes = ids.map((id) => document.getElementById(id)).filter((node) => node?.checkVisibility());
    for (const node of nodes) frameOf(/** @type {HTMLElement} */ (node)).classList.add(MARK);
    if (nodes.length === 1) nodes[0]?.scrollIntoView({ block: "nearest" });
  }
}

/** Voice of the names: the browser's where it has one for the language, else the live region, which a screen reader speaks. */
export class Voice {
  /** @param {string} name */
  say(name) {
    const { speechSynthesis: voice } = window;
    const [language] = locale.split("-");
    if (!voice?.getVoices().some(({ lang }) => lang.startsWith(language))) return sayNow(name);
    voice.cancel();
    const saying = new SpeechSynthesisUtterance(name);
    saying.lang = locale;
    voice.speak(saying);
  }

  silence() {
    window.speechSynthesis?.cancel();
  }
}

/** @param {HTMLElement} control */
const frameOf = (control) => control.closest(".slider") ?? control;

/** @param {string} tab */
const buttons = (tab) => document.querySelectorAll(`.slider > button[tabindex="${tab}"]`);
