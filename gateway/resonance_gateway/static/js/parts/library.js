// Library: finished takes, to find, open, keep, download or delete.

import * as api from "../core/api.js";
import { sayNow } from "../core/announce.js";
import { formatDate } from "../core/dates.js";
import { byId, clock, show } from "../core/dom.js";
import { uniqueNames } from "../core/names.js";
import { t } from "../core/strings.js";
import { figureOfBody, paintFigure } from "../pictures/figure.js";
import { html, render } from "../vendor/lit-html/lit-html.js";
import { repeat } from "../vendor/lit-html/directives/repeat.js";
import { isKept, toggleKept } from "./kept.js";
import { clearProblem, showProblem } from "./problem.js";

// A library may have thousands of pieces: so many rows are drawn at first, and as many again each time the end comes near.
const ROWS = 60;
// A search reads pages of this length, since it reads them all.
const SEARCH_PAGE = 100;

/** `open(record)` puts a stored take into the player; `forget(id)` is called after one was deleted. */
export class Library {
  /** @param {{ open(record: TakeJson): void, forget(id: string): void }} options */
  constructor({ open, forget }) {
    this._open = open;
    this._forget = forget;
    /** @type {TakeJson[]} */
    this._records = [];
    this._next = "";
    this._sureId = "";
    this._isFetching = false;
    this._rowsMax = ROWS;
    this._end = new IntersectionObserver((entries) => {
      if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
      this._rowsMax += ROWS;
      this.draw();
    }, { rootMargin: "800px" });
    // A cover is painted when it comes into view.
    this._covers = new IntersectionObserver((entries) => {
      for (const { isIntersecting, target } of entries) if (isIntersecting) this._paint(/** @type {HTMLCanvasElement} */ (target));
    });
    byId("library-more").addEventListener("click", () => this._more());
    for (const [id, event] of /** @type {const} */ ([["library-search", "input"], ["library-kept", "change"]]))
      byId(id).addEventListener(event, () => {
        this._rowsMax = ROWS;
        this._seek();
      });
    byId("library").addEventListener("keydown", (event) => goInside(event));
    this.draw();
  }

  /** Reads the first page again; what cannot be read is left as it is. */
  async refresh() {
    const page = await this._page("");
    if (!page) return;
    this._records = page.takes;
    this._next = page.next_page_token;
    this.draw();
  }

  async _more() {
    const page = await this._page(this._next);
    if (!page) return;
    const had = byId("library").children.length;
    this._rowsMax = Math.max(this._rowsMax, had + page.takes.length);
    this._records = [...this._records, ...page.takes];
    this._next = page.next_page_token;
    this.draw();
    byId("library").children[had]?.querySelector("button").focus();
  }

  /** Looks through everything that was made: pages that are not here yet are fetched. */
  async _seek() {
    this.draw();
    if (this._isFetching) return;
    this._isFetching = true;
    while (this._next) {
      const page = await this._page(this._next, SEARCH_PAGE);
      if (!page) break;
      this._records = [...this._records, ...page.takes];
      this._next = page.next_page_token;
    }
    this._isFetching = false;
    this.draw();
  }

  /**
   * @param {string} token
   * @param {number | undefined} size
   */
  _page(token, size = undefined) {
    return api.listTakes(token, size).catch(() => /** @type {any} */ (null));
  }

  draw() {
    const names = uniqueNames(this._records);
    const wanted = byId("library-search").value.trim().toLowerCase();
    const rows = this._records.map((record, i) => ({ record, name: names[i] }))
      .filter(({ record, name }) => name.toLowerCase().includes(wanted) && (!byId("library-kept").checked || isKept(record.request_id)));
    const list = byId("library");
    const shown = rows.slice(0, this._rowsMax);
    render(repeat(shown, ({ record }) => record.request_id, (row, i) => this._row(row, i, rows.length)), list);
    this._end.disconnect();
    if (shown.length < rows.length) this._end.observe(list.lastElementChild);
    for (const cover of list.querySelectorAll("canvas:not([data-drawn])")) this._covers.observe(cover);
    byId("library-hint").textContent = t(this._records.length ? rows.length ? "library.hint" : "library.noneFound" : "library.empty");
    show(byId("library-more"), Boolean(this._next), byId("library-title"));
  }

  /** @param {HTMLCanvasElement} cover */
  _paint(cover) {
    this._covers.unobserve(cover);
    if (cover.dataset.drawn) return;
    cover.dataset.drawn = "yes";
    const record = this._records.find((one) => one.request_id === cover.dataset.id);
    paintFigure(cover, figureOfBody({ prompt: record.recipe.prompts[0]?.text, sliders: record.recipe.sliders }, record.seed));
  }

  /**
   * @param {{ record: TakeJson, name: string }} row
   * @param {number} index
   * @param {number} count of all rows, drawn or not
   */
  _row({ record, name }, index, count) {
    const id = record.request_id;
    const when = record.create_time ? formatDate(new Date(record.create_time), { dateStyle: "short", timeStyle: "medium" }) : "";
    const isSure = this._sureId === id;
    return html`<li class="piece" aria-posinset=${index + 1} aria-setsize=${count}>
      <canvas class="cover" width="44" height="44" aria-hidden="true" data-id=${id}></canvas>
      <span class="library-text"><span class="piece-name">${isKept(id) ? "★ " : ""}${name}</span>
        <span class="small hint">${clock(record.duration_s)}${when ? ` · ${when}` : ""}</span></span>
      <div class="actions">
        <button type="button" class="button" aria-label=${t("library.open", { prompt: name })} @click=${() => this._open(record)}>${t("library.openShort")}</button>
        <button type="button" class="button quiet" tabindex="-1" aria-pressed=${isKept(id)} aria-label=${t("library.keep", { prompt: name })} @click=${() => this._keep(id)}>${t("keep.go")}</button>
        <a class="button quiet" tabindex="-1" href=${api.takeAudioUrl(id)} download="" aria-label=${t("library.download", { prompt: name })}>${t("library.downloadShort")}</a>
        <button type="button" class="button quiet" tabindex="-1" aria-label=${isSure ? t("library.sure") : t("library.delete", { prompt: name })}
          @click=${() => this._delete(record)} @blur=${() => this._sureId === id && this._ask("")}>${t(isSure ? "library.sure" : "library.deleteShort")}</button>
      </div></li>`;
  }

  /** @param {string} id */
  _keep(id) {
    sayNow(t(toggleKept(id) ? "keep.kept" : "keep.dropped"));
    this.draw();
  }

  /**
   * Asks once, in place: the same button says "Really delete?" until something else is done.
   * @param {TakeJson} record
   */
  _delete(record) {
    if (this._sureId === record.request_id) this._remove(record);
    else this._ask(record.request_id);
  }

  /** @param {string} id */
  _ask(id) {
    this._sureId = id;
    this.draw();
  }

  /** @param {TakeJson} record */
  async _remove(record) {
    clearProblem(byId("library-error"));
    try {
      await api.deleteTake(record.request_id);
    } catch (error) {
      if (error.status !== 404) {
        showProblem(byId("library-error"), error, { kept: t("kept.all"), retry: () => this._remove(record) });
        return;
      }
    }
    const at = this._records.indexOf(record);
    this._sureId = "";
    byId("library-title").focus(); // a row that is removed with the focus in it would be drawn again while it goes
    this._records = this._records.filter((one) => one !== record);
    this.draw();
    const next = byId("library").children[Math.min(at, this._records.length - 1)];
    (next ? next.querySelector("button") : byId("library-title")).focus();
    sayNow(t("library.deleted"));
    this._forget(record.request_id);
  }
}

/**
 * A piece is one Tab stop; the arrow keys go to what can be done with it, and to the piece above and below.
 * @param {KeyboardEvent} event
 */
function goInside(event) {
  const target = /** @type {HTMLElement} */ (event.target);
  const piece = target.closest("li");
  if (!piece) return;
  const items = /** @type {HTMLElement[]} */ ([...piece.querySelectorAll("button, a")]);
  const at = items.indexOf(target);
  const isForward = (event.key === "ArrowRight") !== (document.dir === "rtl");
  if (event.key === "ArrowRight" || event.key === "ArrowLeft") items[Math.min(items.length - 1, Math.max(0, at + (isForward ? 1 : -1)))].focus();
  else if (event.key === "ArrowDown") /** @type {HTMLElement | undefined} */ (piece.nextElementSibling?.querySelectorAll("button, a")[at])?.focus();
  else if (event.key === "ArrowUp") /** @type {HTMLElement | undefined} */ (piece.previousElementSibling?.querySelectorAll("button, a")[at])?.focus();
  else return;
  event.preventDefault();
  event.stopPropagation();
}
