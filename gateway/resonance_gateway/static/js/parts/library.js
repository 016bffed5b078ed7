// Library: finished takes, to open, download or delete.

import * as api from "../core/api.js";
import { sayNow } from "../core/announce.js";
import { byId, clock, el, show } from "../core/dom.js";
import { clearProblem, showProblem } from "./problem.js";
import { t } from "../core/strings.js";

/** `open(record)` puts a stored take into the player; `forget(id)` is called after one was deleted. */
export class Library {
  /** @param {{ open(record: TakeJson): void, forget(id: string): void }} options */
  constructor({ open, forget }) {
    this._open = open;
    this._forget = forget;
    this._next = "";
    byId("library-more").addEventListener("click", () => this._more());
  }

  /** Reads the first page again; a library that cannot be read is not shown. */
  async refresh() {
    byId("library").replaceChildren();
    this._next = "";
    await this._more();
  }

  async _more() {
    const page = await api.listTakes(this._next).catch(() => /** @type {any} */ (null));
    if (!page) return;
    const list = byId("library");
    const had = list.children.length;
    list.append(...page.takes.map((/** @type {TakeJson} */ record) => this._row(record)));
    if (had) list.children[had]?.querySelector("button").focus();
    this._next = page.next_page_token;
    show(byId("library-more"), Boolean(this._next), byId("library-title"));
    show(byId("library-section"), list.children.length > 0);
  }

  /** @param {TakeJson} record */
  _row(record) {
    const prompt = record.recipe.prompts.map((weighted) => weighted.text).join(", ");
    const when = record.create_time ? new Date(record.create_time).toLocaleString(document.documentElement.lang) : "";
    const row = el("li", {},
      el("div", { class: "library-text" },
        el("span", { class: "library-name" }, prompt),
        el("span", { class: "small hint" }, `${clock(record.duration_s)}${when ? ` · ${when}` : ""}`)),
      el("div", { class: "actions" },
        el("button", { type: "button", class: "button quiet", "aria-label": t("library.open", { prompt }), onclick: () => this._open(record) }, t("library.openShort")),
        el("a", { class: "button quiet", href: api.takeAudioUrl(record.request_id), download: "", "aria-label": t("library.download", { prompt }) }, t("library.downloadShort")),
        el("button", { type: "button", class: "button quiet", "aria-label": t("library.delete", { prompt }), onclick: (/** @type {any} */ event) => this._delete(event.currentTarget, row, record) }, t("library.deleteShort"))));
    return row;
  }

  /**
   * Asks once, in place: the same button says "Really delete?" until something else is done.
   * @param {HTMLButtonElement} button
   * @param {HTMLElement} row
   * @param {TakeJson} record
   */
  _delete(button, row, record) {
    if (button.dataset.sure) this._remove(row, record);
    else this._ask(button);
  }

  /**
   * @param {HTMLElement} row
   * @param {TakeJson} record
   */
  async _remove(row, record) {
    clearProblem(byId("library-error"));
    try {
      await api.deleteTake(record.request_id);
    } catch (error) {
      if (error.status !== 404) {
        showProblem(byId("library-error"), error, { kept: t("kept.all"), retry: () => this._remove(row, record) });
        return;
      }
    }
    const next = row.nextElementSibling || row.previousElementSibling;
    (next ? next.querySelector("button") : byId("library-title")).focus();
    row.remove();
    sayNow(t("library.deleted"));
    show(byId("library-section"), byId("library").children.length > 0);
    this._forget(record.request_id);
  }

  /** @param {HTMLButtonElement} button */
  _ask(button) {
    const label = button.getAttribute("aria-label");
    button.dataset.sure = "yes";
    button.removeAttribute("aria-label");
    button.textContent = t("library.sure");
    const takeBack = () => {
      delete button.dataset.sure;
      button.setAttribute("aria-label", label);
      button.textContent = t("library.deleteShort");
    };
    button.addEventListener("blur", takeBack, { once: true });
  }
}
