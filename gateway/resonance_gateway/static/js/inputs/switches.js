// Switches: presses of one or two switches go through the tree of commands, with a bar, a frame and spoken names.

import { sayNow } from "../core/announce.js";
import { isPossible, run } from "../core/commands.js";
import { byId } from "../core/dom.js";
import { state } from "../core/state.js";
import { lengthOf, t } from "../core/strings.js";
import { choices, saveChoices, STEP_S, within } from "./choices.js";
import { offersOf, sliders } from "./offers.js";
import { ScanBar, Voice } from "./scan-bar.js";
import { treeOf } from "./scan-tree.js";
import { Scanner } from "./scanning.js";
import { LoudSound, Signals } from "./signals.js";

/** @typedef {import("./scanning.js").ScanNode} ScanNode */

const SPEED_STEP_S = 0.25;
const LIBRARY_MOST = 8;
/** With two switches nothing moves by itself: the music comes back this long after a name. */
const QUIET_MS = 4000;

export class Switches {
  /**
   * `answered` gets the sentence of a command that has one.
   * @param {{ engine: import("../sound/engine.js").Engine, answered: (answer: string) => void }} page
   */
  constructor({ engine, answered }) {
    this._engine = engine;
    this._answered = answered;
    this._bar = new ScanBar({ onEnd: () => this.end() });
    this._voice = new Voice();
    /** @type {Scanner | null} */
    this._scanner = null;
    /** @type {Signals | null} */
    this._signals = null;
    /** @type {LoudSound | null} */
    this._sound = null;
    this._isSettingsScanned = false;
    this._lastName = "";
    new MutationObserver(() => this._onSettings()).observe(byId("settings-dialog"), { attributeFilter: ["open"] });
  }

  get isOn() {
    return this._scanner !== null;
  }

  /** Begins to scan as the choices say, anew where it did already. */
  async begin() {
    this._close();
    const scanner = (this._scanner = new Scanner({
      root: () => this._root(), backName: t("scan.back"), isTimed: choices.count === 1, stepMs: 1000 * choices.stepS, restMs: 1000 * choices.restS,
      now: () => performance.now(), after, onChange: () => this._draw(),
    }));
    this._signals = new Signals({ heard: (name) => this._press(name), held: (name) => this._isOurs(name) && this.end(), ended: () => this.end() });
    this._bar.open();
    scanner.start();
    if (choices.isSound) await this._listen();
  }

  /** Ends the scan for good. True where there was one. */
  end() {
    if (!this.isOn) return false;
    this._close();
    choices.isScanning = false;
    saveChoices();
    sayNow(t("scan.ended"));
    return true;
  }

  /**
   * A button or a note went down; true where it is a switch.
   * @param {string} name
   */
  press(name) {
    return this._signals?.press(name) ?? false;
  }

  /** @param {string} name */
  release(name) {
    this._signals?.release(name);
  }

  _close() {
    this._scanner?.stop();
    this._scanner = null;
    this._signals?.close();
    this._signals = null;
    this._sound?.close();
    this._sound = null;
    this._voice.silence();
    this._bar.close();
    this._duck(false);
  }

  async _listen() {
    const sound = (this._sound = new LoudSound(() => this._scanner?.press("choose")));
    try {
      await sound.open();
    } catch {
      choices.isSound = false;
      saveChoices();
      this._answered(t("scan.noSound"));
    }
    if (this._sound !== sound) sound.close(); // the scan ended while the browser asked
  }

  /** @param {string} name */
  _isOurs(name) {
    return name === choices.choose || (choices.count === 2 && name === choices.step);
  }

  /** @param {string} name */
  _press(name) {
    if (!this._scanner || !this._isOurs(name)) return false;
    this._scanner.press(name === choices.choose ? "choose" : "step");
    return true;
  }

  /** The settings are worked by hand where no switch has opened them: the scan waits until they are closed. */
  _onSettings() {
    const isOpen = byId("settings-dialog").open;
    if (isOpen && !this._isSettingsScanned) this._close();
    if (isOpen) return;
    this._isSettingsScanned = false;
    if (!choices.isScanning) this._close();
    else if (!this.isOn) this.begin();
  }

  _draw() {
    const scanner = this._scanner;
    if (!scanner) return;
    const { current } = scanner;
    this._bar.draw(scanner.items, current);
    this._duck(choices.isSpoken && current !== null);
    if (choices.isSpoken && current && current.name !== this._lastName) this._voice.say(current.name);
    this._lastName = current?.name ?? "";
  }

  /** @param {boolean} isDucked */
  _duck(isDucked) {
    clearTimeout(this._quiet);
    this._engine.isDucked = isDucked;
    if (isDucked && choices.count === 2) this._quiet = setTimeout(() => (this._engine.isDucked = false), QUIET_MS);
  }

  /** @returns {ScanNode[]} */
  _root() {
    const own = [this._speed(), { id: "off", name: t("scan.off"), act: () => this.end() }];
    const dialog = document.querySelector("dialog[open]");
    if (dialog) {
      return [{ id: "close", name: t("dialog.close"), controls: [dialog.id], act: () => this._run("stop", { isKey: true }) }, ...own];
    }
    if (state.isEasy.value) return [...[...byId("easy-tiles").querySelectorAll("button"), byId("easy-close")].map(pressed), ...own];
    const top = treeOf({ isPossible, offersOf, sliders, run: (id, args) => this._run(id, args) });
    if (state.isLibraryOpen.value) top.unshift(library());
    return [...top, ...own];
  }

  /** How long a choice lasts can be changed by the switch itself. @returns {ScanNode} */
  _speed() {
    /** @param {number} by */
    const to = (by) => {
      choices.stepS = within(choices.stepS + by, STEP_S);
      saveChoices();
      if (this._scanner) this._scanner.stepMs = 1000 * choices.stepS;
    };
    return { id: "speed", name: t("scan.speed"), isRow: true, items: () => [-SPEED_STEP_S, SPEED_STEP_S].map((by) => ({
      id: by < 0 ? "faster" : "slower", name: t(by < 0 ? "scan.faster" : "scan.slower", { length: lengthOf(within(choices.stepS + by, STEP_S)) }), act: () => to(by),
    })) };
  }

  /**
   * @param {string} id
   * @param {Record<string, any>} args
   */
  _run(id, args) {
    this._isSettingsScanned = id === "settings";
    run(id, args).then((answer) => answer && this._answered(answer));
  }
}

/**
 * A button as a choice. Tiles and rows of the library run commands themselves.
 * @param {HTMLButtonElement} button
 * @returns {ScanNode}
 */
const pressed = (button) => ({
  id: button.id || button.ariaLabel || button.textContent || "", name: button.ariaLabel || button.textContent || "", controls: button.id ? [button.id] : [], act: () => button.click(),
});

/** @returns {ScanNode} */
const library = () => ({
  id: "library", name: t("library.title"), controls: ["library-section"],
  items: () => [...byId("library").children].slice(0, LIBRARY_MOST).map((row) => pressed(/** @type {HTMLButtonElement} */ (row.querySelector("button")))),
});

/**
 * @param {() => void} act
 * @param {number} ms
 */
function after(act, ms) {
  const timer = setTimeout(act, ms);
  return () => clearTimeout(timer);
}
