// Narration: words that are spoken over a piece, with its video or alone. Loaded with the part for videos.

import { getVoices, narrate } from "../core/api.js";
import { sayNow, startJob } from "../core/announce.js";
import { byId, el, enable, isDisabled, show } from "../core/dom.js";
import { longDay, money } from "../core/money.js";
import { sentences, t } from "../core/strings.js";
import { clearProblem, showProblem } from "./problem.js";

/** The field for the words, the choice of a voice, and the button that speaks them without a video. */
export class Narration {
  /**
   * @param {{ voices: VoiceJson[], takeId(): string | null, onMade(record: TakeJson): void }} options
   */
  constructor({ voices, takeId, onMade }) {
    this._voices = voices;
    this._takeId = takeId;
    this._onMade = onMade;
    this._words = el("textarea", { id: "narration-words", rows: 2, maxlength: 5000, "aria-describedby": "narration-note", oninput: () => this._tell() });
    this._voice = el("select", { id: "narration-voice", dir: "auto", "aria-describedby": "narration-note", onchange: () => this._tell() });
    this._voice.append(...voices.map((voice) => el("option", { value: voice.voice_id }, voice.voice_id)));
    this._note = el("p", { id: "narration-note", class: "small hint", hidden: true });
    this._go = el("button", { type: "button", class: "button quiet", id: "narration-go", onclick: () => this._speak() }, t("narration.go"));
    this._error = el("div", { id: "narration-error", class: "problem", hidden: true });
    const choice = el("div", { hidden: voices.length < 2 }, el("label", { for: "narration-voice", class: "label" }, t("narration.voice")), this._voice);
    byId("narration").replaceChildren(
      el("label", { for: "narration-words", class: "label" }, t("narration.words")), this._words, choice, this._note, this._go,
      this._error,
    );
    show(byId("narration"), true);
  }

  /** The request's part for a video; null where nothing is to be said. */
  get part() {
    const script = this._words.value.trim();
    return script ? { script, voice: this._voice.value } : null;
  }

  /** Says where the words go and what they cost, before they do. */
  _tell() {
    const voice = this._voices.find((one) => one.voice_id === this._voice.value);
    const script = this._words.value.trim();
    const leaves = Boolean(voice && !voice.is_local && script);
    this._note.textContent = leaves && voice ? sentences(t(voice.price_day ? "narration.google" : "narration.server"), costOf(voice, script)) : "";
    show(this._note, leaves);
  }

  async _speak() {
    const { part } = this;
    const takeId = this._takeId();
    if (isDisabled(this._go) || !takeId) return;
    clearProblem(this._error);
    if (!part) {
      showProblem(this._error, { words: t("narration.noWords") }, { kept: t("kept.all"), next: t("narration.noWordsNext") });
      this._words.focus();
      return;
    }
    startJob();
    sayNow(t("narration.speaking"));
    enable(this._go, false);
    try {
      const record = await narrate(takeId, part);
      sayNow(t("narration.ready"));
      this._onMade(record);
    } catch (error) {
      showProblem(this._error, error, { kept: t("kept.words"), retry: () => this._speak() });
    } finally {
      enable(this._go, true);
    }
  }
}

/**
 * The part, where this installation speaks; null where it does not.
 * @param {{ takeId(): string | null, onMade(record: TakeJson): void }} options
 */
export async function buildNarration(options) {
  const known = await getVoices().catch(() => /** @type {null} */ (null));
  return known ? new Narration({ voices: known.voices, ...options }) : null;
}

/**
 * @param {VoiceJson} voice
 * @param {string} script
 */
function costOf({ price_usd: price, price_day: day }, script) {
  if (price == null) return day ? t("backends.noPrice") : "";
  return t("narration.costs", { price: money((price * script.length) / 1000), day: longDay(day) });
}
