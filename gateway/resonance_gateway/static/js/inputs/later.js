// Loader of switches, MIDI and gamepad: their scripts come when they are in use or their settings are opened.

import { byId } from "../core/dom.js";
import { load } from "../core/store.js";

/**
 * @param {{ engine: import("../sound/engine.js").Engine, answered: (answer: string) => void }} page
 */
export function loadInputsLater(page) {
  /** @type {Promise<void> | null} */
  let loading = null;
  const begin = () => (loading ??= import("./further-inputs.js").then(({ buildFurtherInputs }) => buildFurtherInputs(page)));
  byId("inputs-more").addEventListener("toggle", begin, { once: true });
  const { isScanning, isMidi, isPad } = load("inputs", {});
  if (isScanning || isMidi || isPad) begin();
}
