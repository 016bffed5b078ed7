// Recordings that leave this installation: what is said before the first one does. Loaded where the recognizer is elsewhere.

import { longDay, money } from "../core/money.js";
import { sentences, t } from "../core/strings.js";

/** @param {RecognizerJson} recognizer */
export function leavingNote(recognizer) {
  const { name, is_google: isGoogle, price_usd: price, price_day: day } = recognizer;
  if (!isGoogle) return t("spoken.server", { model: name });
  const cost = price == null ? t("backends.noPrice") : t("backends.minute", { price: money(price * 60), day: longDay(day) });
  return sentences(t("spoken.google", { model: name }), cost);
}
