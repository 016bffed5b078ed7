// Backends: who makes a piece and plays live music, what it costs, and what leaves this installation.
// Loaded where the installation offers another backend than its own model, or has wishes read at Google.

import { getUsage } from "../core/api.js";
import { byId, el, show } from "../core/dom.js";
import { longDay, money } from "../core/money.js";
import { draft, saveDraft } from "../core/store.js";
import { sentences, t } from "../core/strings.js";

/** @typedef {"takes" | "live"} Kind */

const KINDS = /** @type {Kind[]} */ (["takes", "live"]);
/** What a price counts, and how many of it a text names: a song, a minute of live music. */
const UNITS = { song: /** @type {const} */ (["backends.song", 1]), live_s: /** @type {const} */ (["backends.minute", 60]) };

/**
 * Fills in the choices and says what the chosen ones cost.
 * @param {BackendJson[]} backends in the operator's order; the first that can is chosen until a person chooses
 * @param {string | null} reader the model at Google that reads wishes and hears clips
 * @returns {() => Promise<void>} reads anew what was spent today
 */
export function buildBackends(backends, reader) {
  const kinds = /** @type {Record<Kind, BackendJson[]>} */ ({
    takes: backends.filter((one) => one.makes_takes),
    live: backends.filter((one) => one.performs),
  });
  /** @param {Kind} kind @returns {BackendJson | undefined} */
  const chosen = (kind) => kinds[kind].find((one) => one.name === draft.backends[kind]) ?? kinds[kind][0];
  let spent = "";
  const tell = () => {
    const foreign = KINDS.map(chosen).filter((one) => one && !one.is_local);
    byId("backends-note").textContent = sentences(
      ...foreign.map((one) => one && `${nameOf(one)}: ${priceOf(one)}`),
      foreign.length ? t("backends.leaves") : "",
      reader ? t("backends.reader", { model: reader }) : "",
      spent,
    );
    show(byId("backends-note"), foreign.length > 0 || Boolean(reader));
  };
  const count = async () => {
    const usage = await getUsage().catch(() => /** @type {null} */ (null));
    const sum = usage?.google_usd;
    if (sum?.limit) spent = t("backends.spent", { spent: money(sum.used), limit: money(sum.limit) });
    tell();
  };
  for (const kind of KINDS) {
    const row = byId(`backends-${kind}-row`);
    const select = /** @type {HTMLSelectElement} */ (byId(`backends-${kind}`));
    select.replaceChildren(...kinds[kind].map((one) => el("option", { value: one.name }, nameOf(one))));
    const now = chosen(kind);
    if (now) {
      select.value = now.name;
      draft.backends = { ...draft.backends, [kind]: now.name };
    }
    select.addEventListener("change", () => {
      draft.backends = { ...draft.backends, [kind]: select.value };
      saveDraft();
      tell();
    });
    show(row, kinds[kind].length > 1);
  }
  saveDraft();
  tell();
  count();
  return count;
}

/** @param {BackendJson} one */
const nameOf = (one) => t(one.is_local ? "backends.here" : "backends.there", { model: one.model });

/** @param {BackendJson} one */
function priceOf(one) {
  const [text, count] = UNITS[/** @type {keyof typeof UNITS} */ (one.price_unit)] ?? [];
  if (!text || one.price_usd == null) return t("backends.noPrice");
  return t(text, { price: money(one.price_usd * count), day: longDay(one.price_day) });
}
