// Conversation: one sentence is done in one act, answered in one line, and can be taken back.

import * as api from "../core/api.js";
import { alarm, sayNow } from "../core/announce.js";
import { COMMANDS, isPossible, nameOf, run, sentenceOf } from "../core/commands.js";
import { byId, clock, enable, isDisabled, show } from "../core/dom.js";
import { says } from "../core/language.js";
import { readSaying } from "../core/sayings.js";
import { readSentence } from "../core/sentences.js";
import { effect, state } from "../core/state.js";
import { draft } from "../core/store.js";
import { all, list, sentences, t } from "../core/strings.js";
import { html, nothing, render } from "../vendor/lit-html/lit-html.js";
import { repeat } from "../vendor/lit-html/directives/repeat.js";
import { ownInWords, setOwnSliders } from "./own-sliders.js";
import { clearProblem, showProblem, whatHappened } from "./problem.js";
import { inWords, setSliders, sliderName } from "./sliders.js";

const KEPT = 60;
const READING_AFTER_MS = 700; // a new phrase is read by the model, which takes seconds
const FRESH_MS = 8000;
/** Commands that change what the next version is made of. */
const CHANGES = ["words", "without", "tempo", "musicKey", "taste", "reset"];
const NOT_UNDERSTOOD = ["NOT_UNDERSTOOD", "PHRASE_UNKNOWN", "CONCEPT_UNUSABLE", "PHRASE_TOO_LONG", "TOO_MANY_PHRASES"];

/** @typedef {{ body: GenerationBody, version: Version | null }} Before */

export class Conversation {
  /**
   * @param {{ generation: import("./generation.js").GenerationStep, live: import("./live.js").LiveStep,
   *   player: import("../sound/player.js").Player }} parts
   */
  constructor({ generation, live, player }) {
    this._generation = generation;
    this._live = live;
    this._player = player;
    this._lastId = 0;
    /** @type {SlidersThen | null} the sliders before the last wish, for "more of that" */
    this._earlier = null;
    byId("refine-form").addEventListener("submit", (event) => {
      event.preventDefault();
      if (!isDisabled(byId("refine-go"))) this._submit();
    });
    effect(() => this._draw(state.talk.value));
  }

  /** Takes the last change back; returns the answer. */
  takeBack() {
    const last = state.talk.value.findLast((one) => one.undo && !one.isTaken);
    if (last) {
      state.talk.value = state.talk.value.map((one) => (one === last ? { ...one, isTaken: true } : one));
      last.undo();
      return t("refine.takenBack");
    }
    const version = this._live.isPlaying ? null : this._generation.versions.go({ by: -1 });
    return version ? t("versions.opened", { number: version.number }) : t("refine.nothingToUndo");
  }

  /**
   * An answer that no sentence asked for: of a key, a tile or a button.
   * @param {string} text
   */
  answer(text) {
    this._add({ who: "it", text });
    this._show(text);
  }

  async _submit() {
    const field = byId("refine-text");
    const text = field.value.trim();
    if (!text) {
      alarm(t("refine.empty"));
      field.focus();
      return;
    }
    field.value = "";
    await this.say(text);
  }

  /**
   * Does what a sentence says. `isEnglish` reads it as English on a page of another language.
   * @param {string} text
   */
  async say(text, { isEnglish = false } = {}) {
    clearProblem(byId("refine-error"));
    enable(byId("refine-go"), false);
    this._add({ who: "you", text });
    try {
      await this._do(text, isEnglish);
    } catch (error) {
      this._failed(error, text);
    } finally {
      enable(byId("refine-go"), true);
    }
  }

  /**
   * @param {string} text
   * @param {boolean} isEnglish
   */
  async _do(text, isEnglish) {
    const before = this._snapshot();
    const { take } = this._player;
    const partsUpToS = take?.isWhole && !this._live.isPlaying ? take.durationS : 0;
    const reading = says && !isEnglish ? readSaying(text, partsUpToS, says) : { ...readSentence(text, partsUpToS), unknown: [] };
    const unknown = reading.unknown.length ? this._notUnderstood(reading.unknown) : null;
    /** @type {string[]} */
    const answers = [];
    /** @type {string[]} */
    const did = [];
    const isTogether = reading.acts.length + Number(Boolean(reading.rest)) > 1;
    const length = isTogether && take ? reading.acts.find((act) => act.command === "length") : undefined;
    for (const act of reading.acts) {
      did.push(act.command);
      if (act !== length) answers.push(await run(act.command, { ...act.args, part: reading.part }));
    }
    const wish = reading.rest ? await this._wish(reading.rest) : null;
    if (wish) {
      answers.push(...wish.answers);
      did.push(...wish.moved);
    }
    const isChange = Boolean(length || wish?.moved.length || reading.acts.some((act) => CHANGES.includes(act.command) && isPossible(act.command)));
    if (isChange) answers.push(await this._begin(reading.part, length?.args.toS));
    if (reading.part && isChange) did.push("part");
    if (unknown) answers.push(...unknown.answers);
    const answer = sentences(...answers) || t("answer.done");
    const canUndo = isChange || did.some((id) => ["again", "else", "longer", "length", "part"].includes(id));
    this._add({ who: "it", text: answer, did, near: wish?.near ?? unknown?.near, english: unknown?.english, foreign: wish?.foreign, undo: canUndo ? () => this._restore(before) : null });
    this._show(answer);
  }

  /**
   * What a page of another language did not understand: named, with what comes near, and a way to have it read as English.
   * @param {string[]} clauses
   */
  _notUnderstood(clauses) {
    const what = list(clauses.map((text) => t("quoted", { text })));
    return { answers: [t("answer.notUnderstood", { what }), t("answer.isOpen"), t("answer.near")], near: nearTo(clauses.join(" ")), english: clauses.join(", ") };
  }

  /**
   * The part of a sentence that is no command: the server moves sliders for it.
   * @param {string} text
   */
  async _wish(text) {
    const asked = { sliders: { ...draft.sliders }, own: draft.own.map((one) => ({ ...one })) };
    const reading = setTimeout(() => this._show(t("refine.reading")), READING_AFTER_MS);
    try {
      const found = await api.refine(text, asked, this._earlier ?? undefined, draft.prompt.trim());
      const moved = [...found.changes, ...found.concept_changes].map((change) => change.slider);
      if (moved.length) this._move(asked, found);
      const answers = [
        ...found.changes.map(({ slider }) => t("answer.slider", { name: sliderName(slider), words: inWords(slider, found.sliders[slider] || 0) })),
        ...found.concept_changes.map(({ slider }) => {
          const own = found.concepts.find((one) => one.name === slider);
          return t("answer.slider", { name: t("quoted", { text: own?.label ?? slider }), words: ownInWords(slider, own?.position ?? 0) });
        }),
      ];
      const line = answers.length ? sentences(...answers.map((what) => t("describe.what", { what }))) : says ? t("answer.nothingMoved") : found.explanation;
      const foreign = says && !answers.length ? found.explanation : undefined;
      const unknown = found.not_understood ?? [];
      const named = unknown.length ? t("answer.notUnderstood", { what: list(unknown.map((one) => t("quoted", { text: one }))) }) : "";
      return { answers: [line, named], moved, foreign, near: named ? nearTo(unknown.join(" ")) : undefined };
    } finally {
      clearTimeout(reading);
    }
  }

  /**
   * @param {SlidersThen} from
   * @param {RefinementJson} to
   */
  _move(from, to) {
    const earlier = this._earlier;
    this._earlier = from;
    // A wish that takes back the last one leaves no slider behind that came with it.
    const isKept = (/** @type {OwnSlider} */ one) => one.position || !earlier || earlier.own.some((other) => other.name === one.name);
    setSliders(Object.fromEntries(Object.entries(to.sliders).filter(([, value]) => value)));
    setOwnSliders(to.concepts.filter(isKept).map(({ name, label, position }) => ({ name, label, position })));
  }

  /**
   * Lets a change be heard: in the next chunk, in a new version, or in what is made next.
   * @param {{ fromS: number, toS: number } | null} part
   * @param {number} durationS
   */
  async _begin(part, durationS = 0) {
    if (this._live.isPlaying) return t("answer.live");
    if (!this._player.take && !this._generation.isMaking) return t("answer.later");
    const number = await this._generation.next({ part, durationS });
    if (!number) return "";
    return part ? t("answer.part", { from: clock(part.fromS), to: clock(part.toS), number }) : t("answer.making", { number });
  }

  /** @returns {Before} */
  _snapshot() {
    return { body: this._generation.bodyNow(), version: this._generation.versions.current };
  }

  /** @param {Before} before */
  _restore({ body, version }) {
    this._generation.stop();
    this._earlier = null;
    this._generation.restoreDraft(body);
    const isOther = version && version !== this._generation.versions.current;
    if (isOther && !this._live.isPlaying) this._generation.versions.go({ number: version.number });
  }

  /**
   * @param {any} error
   * @param {string} text
   */
  _failed(error, text) {
    if (!NOT_UNDERSTOOD.includes(error.problem?.reason) && !error.problem?.errors?.some((/** @type {any} */ one) => NOT_UNDERSTOOD.includes(one.reason))) {
      show(byId("refine-message"), false);
      showProblem(byId("refine-error"), error, { kept: t("refine.kept"), retry: () => this.say(text) });
      return;
    }
    const answer = error.problem.reason === "NOT_UNDERSTOOD" || /could not be understood/.test(whatHappened(error))
      ? t("answer.notUnderstood", { what: t("quoted", { text }) }) : whatHappened(error);
    this._add({ who: "it", text: sentences(answer, t("answer.near")), did: [], near: nearTo(text) });
    this._show(sentences(answer, t("answer.near")));
  }

  /** @param {Omit<import("../core/state.js").Saying, "id">} saying */
  _add(saying) {
    this._lastId += 1;
    state.talk.value = [...state.talk.value, { id: this._lastId, ...saying }].slice(-KEPT);
  }

  /** @param {string} text */
  _show(text) {
    const line = byId("refine-message");
    line.textContent = text;
    show(line, true);
    byId("answer-row").classList.remove("is-old");
    clearTimeout(this._fading);
    this._fading = setTimeout(() => byId("answer-row").classList.add("is-old"), FRESH_MS);
    sayNow(text);
  }

  /** @param {import("../core/state.js").Saying[]} talk */
  _draw(talk) {
    const log = byId("log");
    render(talk.length ? repeat(talk, (one) => one.id, (one) => this._saying(one)) : html`<p class="hint small">${t("refine.example")}</p>`, log);
    // What scrolls can be scrolled by keyboard; an empty log is no Tab stop.
    log.toggleAttribute("tabindex", false);
    if (talk.length) log.tabIndex = 0;
    log.scrollTop = log.scrollHeight;
    show(byId("refine-back"), talk.some((one) => one.undo && !one.isTaken), byId("refine-text"));
  }

  /** @param {import("../core/state.js").Saying} one */
  _saying({ who, text, did, near, english, foreign, isTaken }) {
    return html`<div class="saying ${who}" data-did=${did ? did.join(" ") : nothing}>
      <p><span class="sr">${t(who === "you" ? "talk.you" : "talk.it")} </span>${text}${isTaken ? ` (${t("talk.taken")})` : ""}</p>
      ${foreign ? html`<p lang="en" dir="ltr" class="small hint">${foreign}</p>` : nothing}
      ${english ? html`<button type="button" class="button quiet" @click=${() => this.say(english, { isEnglish: true })}>${t("answer.asEnglish")}</button>` : nothing}
      ${near?.map((sentence) => html`<button type="button" class="button quiet" @click=${() => this.say(sentence)}>${sentence}</button>`) ?? nothing}
    </div>`;
  }
}

/**
 * The sentences of the two commands whose words come nearest to a text.
 * @param {string} text
 */
function nearTo(text) {
  const words = text.toLowerCase().match(/[\p{L}\p{M}']{2,}/gu) ?? [];
  /** @param {string} other */
  const score = (other) => words.reduce((sum, word) => sum + Math.max(...other.toLowerCase().split(/[^\p{L}\p{M}']+/u).map((each) => likeness(word, each)), 0), 0);
  const offers = [...COMMANDS.filter((command) => isPossible(command.id)).map(({ id }) => ({ sentence: sentenceOf(id), at: score(`${nameOf(id)} ${sentenceOf(id)}`) })),
    ...all("answer.wishes").map((sentence) => ({ sentence, at: score(sentence) + 0.01 }))];
  return offers.sort((a, b) => b.at - a.at).slice(0, 2).map(({ sentence }) => sentence);
}

/**
 * Share of letter pairs that two words have in common (Dice).
 * @param {string} a
 * @param {string} b
 */
function likeness(a, b) {
  const pairs = (/** @type {string} */ word) => Array.from({ length: Math.max(0, word.length - 1) }, (_, i) => word.slice(i, i + 2));
  const [these, those] = [pairs(a), pairs(b)];
  if (!these.length || !those.length) return 0;
  return (2 * these.filter((pair) => those.includes(pair)).length) / (these.length + those.length);
}
