// Asking for an API key, where the server wants one.

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

/** The key goes into a cookie that no script can read. */
async function askUntilKnown() {
  const input = byId("key");
  const error = byId("key-error");
  for (;;) {
    const key = await answer(byId("key-dialog"), input);
    if (!key) return false;
    const body = JSON.stringify({ key });
    const headers = { "Content-Type": "application/json" };
    const response = await fetch("/v1/session", { method: "POST", body, headers }).catch(() => null);
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
