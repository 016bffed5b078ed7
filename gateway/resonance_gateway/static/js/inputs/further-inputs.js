// Switches, MIDI and gamepad: the page loads this when they are in use, or when their settings are opened.

import { byId } from "../core/dom.js";
import { choices } from "./choices.js";
import { Controls } from "./controls.js";
import { SwitchSettings } from "./switch-settings.js";
import { Switches } from "./switches.js";

/**
 * Builds the settings, and begins with what was in use before.
 * @param {{ engine: import("../sound/engine.js").Engine, answered: (answer: string) => void }} page
 */
export function buildFurtherInputs(page) {
  const switches = new Switches(page);
  const settings = new SwitchSettings();
  const controls = new Controls({
    takes: (name) => settings.take(name) || switches.press(name), releases: (name) => switches.release(name), answered: page.answered,
  });
  byId("inputs-settings").replaceChildren(settings.node, controls.node);
  byId("settings-dialog").addEventListener("close", () => {
    settings.forget();
    controls.forget();
  });
  if (choices.isScanning && !byId("settings-dialog").open) switches.begin();
}
