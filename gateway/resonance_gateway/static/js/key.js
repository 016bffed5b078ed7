// Asking for an API key, where the server wants one.

import { giveKey } from "./api.js";
import { byId } from "./dom.js";
import { t } from "./strings.js";

let asking = null;

/** Asks until the server knows the key (true) or nobody wants to give one (false). All who wait get the one answer. */
export function signIn() {
  asking ??= askUntilKnown().finally(() => {
    asking = null;
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

/** What was typed; empty where the dialog was left. */
function answer(dialog, input) {
  return new Promise((resolve) => {
    const onClose = () => resolve(dialog.returnValue === "give" ? input.value.trim() : "");
    dialog.addEventListener("close", onClose, { once: true });
    dialog.returnValue = "";
    dialog.showModal();
  });
}
