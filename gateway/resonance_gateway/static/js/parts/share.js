// Share link of a take: create, copy, revoke.

import * as api from "../core/api.js";
import { alarm, sayNow } from "../core/announce.js";
import { byId, enable, inputOf, isDisabled, show } from "../core/dom.js";
import { clearProblem, showProblem } from "./problem.js";
import { t } from "../core/strings.js";

const EXPIRE_S = 7 * 24 * 3600; // the longest that the server gives

export class Share {
  constructor() {
    /** @type {import("../sound/take.js").Take | null} */
    this._take = null;
    /** @type {LinkJson | null} */
    this._link = null;
    byId("share").addEventListener("click", () => this._share());
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

  async _share() {
    const take = this._take;
    if (!take?.isWhole || isDisabled(byId("share"))) return;
    clearProblem(byId("share-error"));
    try {
      const link = this._link ?? (await api.makeLink(take.requestId, EXPIRE_S));
      if (this._take !== take) return;
      this._link = link;
      await this._show(link);
    } catch (error) {
      showProblem(byId("share-error"), error, { kept: t("kept.all"), retry: () => this._share() });
    }
  }

  /** @param {LinkJson} link */
  async _show(link) {
    const url = new URL(link.url, location.href).href;
    byId("share-link").value = url;
    show(byId("shared"), true);
    const isCopied = await navigator.clipboard.writeText(url).then(() => true, () => false);
    const until = new Date(link.expire_time).toLocaleString(document.documentElement.lang, { dateStyle: "long", timeStyle: "short" });
    const message = t(isCopied ? "share.copied" : "share.made", { until });
    byId("share-message").textContent = message;
    sayNow(message);
    if (!isCopied) byId("share-link").focus();
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
