// API key dialog, shown after a 401.

import { giveKey } from "../core/api.js";
import { byId } from "../core/dom.js";
import { t } from "../core/strings.js";

/** @type {Promise<boolean> | undefined} */
let asking;

/** Shows the dialog until the server accepts a key (true) or the user leaves it (false). Concurrent calls share one dialog. */
export function signIn() {
  asking ??= askUntilKnown().finally(() => {
    asking = undefined;
  });
  return asking;
}

async function askUntilKnown() {
  const input = byId("key");
  const error = byId("key-error");
  for (;;) {
    const key = await answer(byId("key-dialog"), input);
    if (!key) return false;
    const response = await giveKey(key);
    error.hidden = Boolean(response?.ok);
    if (response?.ok) {
      input.value = "";
      return true;
    }
    error.textContent = t(response && response.status < 500 ? "key.unknown" : "error.network");
  }
}

/**
 * The typed text; empty where the user left the dialog.
 * @param {HTMLDialogElement} dialog
 * @param {HTMLInputElement} input
 * @returns {Promise<string>}
 */
function answer(dialog, input) {
  return new Promise((resolve) => {
    const onClose = () => resolve(dialog.returnValue === "give" ? input.value.trim() : "");
    dialog.addEventListener("close", onClose, { once: true });
    dialog.returnValue = "";
    dialog.showModal();
  });
}
