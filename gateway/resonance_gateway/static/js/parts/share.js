// Share link of a take: create, copy, revoke.

import * as api from "../core/api.js";
import { alarm, sayNow } from "../core/announce.js";
import { formatDate } from "../core/dates.js";
import { byId, enable, inputOf, isDisabled, show } from "../core/dom.js";
import { isOnlyHere } from "../core/address.js";
import { clearProblem, showProblem } from "./problem.js";
import { t } from "../core/strings.js";

const EXPIRE_S = 7 * 24 * 3600; // the longest that the server gives

export class Share {
  constructor() {
    /** @type {import("../sound/take.js").Take | null} */
    this._take = null;
    /** @type {LinkJson | null} */
    this._link = null;
    byId("share-copy").addEventListener("click", () => this._copy());
    byId("share-close").addEventListener("click", () => show(byId("shared"), false, byId("share")));
    byId("share-back").addEventListener("click", () => this._takeBack());
    byId("share-link").addEventListener("focus", (event) => inputOf(event).select());
  }

  /**
   * Enables sharing once the whole take is made, and hides a link to another take.
   * @param {import("../sound/take.js").Take} take
   */
  offer(take) {
    if (this._take?.requestId !== take.requestId) this._forget();
    this._take = take;
    enable(byId("share"), take.isWhole);
  }

  async share() {
    const take = this._take;
    if (!take?.isWhole || isDisabled(byId("share"))) return;
    clearProblem(byId("share-error"));
    try {
      const link = this._link ?? (await api.makeLink(take.requestId, EXPIRE_S));
      if (this._take !== take) return;
      this._link = link;
      await this._show(link);
    } catch (error) {
      showProblem(byId("share-error"), error, { kept: t("kept.all"), retry: () => this.share() });
    }
  }

  /**
   * Shows the link. One that only this computer can open is said to be so, and copied on a second press only.
   * @param {LinkJson} link
   */
  async _show(link) {
    byId("share-link").value = new URL(link.url, location.href).href;
    show(byId("shared"), true);
    const isHere = isOnlyHere(location.hostname);
    show(byId("share-copy"), isHere);
    if (isHere) this._tell(t("share.onlyHere", { until: until(link) }));
    else await this._copy();
  }

  async _copy() {
    const isCopied = await navigator.clipboard.writeText(byId("share-link").value).then(() => true, () => false);
    const keys = isOnlyHere(location.hostname) ? /** @type {const} */ (["share.copiedHere", "share.madeHere"]) : /** @type {const} */ (["share.copied", "share.made"]);
    this._tell(t(keys[isCopied ? 0 : 1], { until: until(this._link) }));
    if (!isCopied) byId("share-link").focus();
  }

  /** @param {string} message */
  _tell(message) {
    byId("share-message").textContent = message;
    sayNow(message);
  }

  async _takeBack() {
    const link = this._link;
    if (!link) return;
    try {
      await api.deleteLink(link.id);
    } catch (error) {
      if (error.status !== 404) {
        alarm(t("share.notBack"));
        byId("share-message").textContent = t("share.notBack");
        return;
      }
    }
    this._forget();
    sayNow(t("share.back"));
  }

  _forget() {
    this._link = null;
    show(byId("shared"), false, byId("share"));
    byId("share-link").value = "";
    clearProblem(byId("share-error"));
  }
}

/** @param {LinkJson} link */
const until = (link) => formatDate(new Date(link.expire_time), { dateStyle: "long", timeStyle: "short" });
