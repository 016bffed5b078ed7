// Entry point of the page of a room: joining, the sound, one's own part, and what is for the owner.

import * as api from "./core/api.js";
import { alarm, say, sayNow, startJob } from "./core/announce.js";
import { byId, el, fillTexts, show } from "./core/dom.js";
import { load, save } from "./core/store.js";
import { around, shown, tell } from "./core/server-texts.js";
import { all, t } from "./core/strings.js";
import { People, shareWords } from "./parts/people.js";
import { sliderRow } from "./parts/slider.js";
import { inWords, sliderName } from "./parts/sliders.js";
import { Engine } from "./sound/engine.js";

const SETTLE_MS = 80;
const SAYINGS_MS = 60_000; // sayings of the room are few: at most eight in this time
const roomId = location.pathname.split("/").filter(Boolean).at(-1) ?? "";
// The first token is the caller's own. The owner's address has those for players and listeners behind it.
const [token, playToken = "", listenToken = ""] = ownTokens().split(".");

class RoomPage {
  constructor() {
    this._engine = new Engine();
    /** @type {ReturnType<typeof api.joinRoom> | null} */
    this._room = null;
    /** @type {AudioWorkletNode | null} */
    this._node = null;
    this._hasLeft = false;
    this._role = "";
    this._recipe = null;
    /** @type {Map<string, ReturnType<typeof sliderRow>>} */
    this._sliders = new Map();
    /** @type {ReturnType<typeof sliderRow> | null} */
    this._strength = null;
    this._people = new People({
      remove: (memberId) => this._room?.send({ removed_member_ids: [memberId] }),
      weigh: (memberId, weight) => this._room?.send({ weights: { [memberId]: weight } }),
    });
    byId("room-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.join();
    });
    byId("room-leave").addEventListener("click", () => this._leave());
    byId("room-stop").addEventListener("click", () => this._room?.send({ command: "stop" }));
    byId("room-pause").addEventListener("click", () => {
      const isPaused = byId("room-pause").getAttribute("aria-pressed") === "true";
      this._room?.send({ command: isPaused ? "play" : "pause" });
    });
    byId("room-volume").addEventListener("input", () => {
      this._engine.volume = Number(byId("room-volume").value);
    });
    byId("room-reset").addEventListener("click", () => this._reset());
    byId("room-words-form").addEventListener("submit", (event) => {
      event.preventDefault();
      const prompt = byId("room-words").value.trim();
      if (prompt) this._room?.send({ recipe: { ...this._settings(), prompt } });
    });
    byId("room-copy-play").addEventListener("click", () => this._copy(playToken));
    byId("room-copy-listen").addEventListener("click", () => this._copy(listenToken));
    byId("room-taste-name").addEventListener("change", () => this._changed());
    setInterval(startJob, SAYINGS_MS);
    byId("room-who").value = load("name", "");
  }

  /** Joins the room. Must be called from a user gesture, or the browser blocks sound. */
  join() {
    if (this._room) return;
    show(byId("room-error"), false);
    this._hasLeft = false;
    const name = byId("room-who").value.trim();
    if (name) save("name", name);
    this._engine.wake();
    byId("room-status").textContent = t("room.joining");
    this._room = api.joinRoom(roomId, { token, name, member_key: memberKey() }, {
      event: (event) => this._event(event),
      samples: (samples) => this._node?.port.postMessage({ samples }, [samples.buffer]),
      ended: (error) => this._ended(error),
    });
  }

  /** @param {RoomEvent} event */
  _event(event) {
    if (event.type === "started") this._open(event.format);
    else if (event.type === "joined") this._enter(event);
    else if (event.type === "queued") byId("room-status").textContent = t("make.waitingPlain", { place: event.place });
    else if (event.type === "mix") this._mix(event);
    else if (event.type === "recipe" && event.fault) {
      const [, reason, message] = event.fault.match(/^(?:([A-Z_]+): )?(.*)$/s);
      this._refused(tell(reason, message));
    } else if (event.type === "fault") this._refused(tell(event.problem.reason, event.problem.detail ?? ""));
    else if (event.type === "skipped") byId("room-status").textContent = t("room.skipped");
    else if (event.type === "ended") this._reason = event.reason;
  }

  /** @param {{ sample_rate_hz: number, channel_count: number }} format */
  async _open({ sample_rate_hz: rateHz, channel_count: channelCount }) {
    try {
      const node = await this._engine.source("live-player", rateHz, { channelCount: channelCount || 1 });
      if (this._room) this._node = node;
      else node.disconnect();
    } catch {
      this._refused({ text: t("error.sound"), isEnglish: false });
    }
  }

  /** @param {RoomEvent} joined */
  _enter(joined) {
    this._role = joined.role;
    this._people.isOwner = joined.role === "owner";
    this._people.me = joined.member_id;
    const name = joined.name || t("room.title");
    byId("room-name").textContent = name;
    document.title = t("title.piece", { name });
    show(byId("room-form"), false, byId("room-name"));
    show(byId("room-inside"), true);
    show(byId("room-part"), joined.role !== "listener");
    for (const id of /** @type {const} */ (["room-owner", "room-pause", "room-stop"])) show(byId(id), joined.role === "owner");
    this._buildSliders(joined.ready_sliders);
    this._buildTastes(joined.offered_tastes);
    byId("room-name").focus();
    byId("room-status").textContent = t(joined.role === "listener" ? "room.listening" : "room.playing");
    sayNow(t(joined.role === "listener" ? "room.listening" : "room.playing"));
  }

  /** @param {RoomMixJson} mix */
  _mix(mix) {
    const isFirst = this._recipe === null;
    this._recipe = mix.recipe;
    this._people.show(mix);
    const me = mix.members.find((member) => member.member_id === this._people.me);
    if (me && isFirst) this._restore(me.part);
    byId("room-mine").textContent = me ? shareWords(me) : "";
    const pause = byId("room-pause");
    pause.setAttribute("aria-pressed", String(mix.is_paused));
    this._node?.port.postMessage({ hold: mix.is_paused });
    const words = byId("room-words");
    if (document.activeElement !== words) words.value = mix.recipe.prompts[0]?.text ?? "";
    const others = mix.moves.filter((move) => move.member_id !== this._people.me).map((move) => this._people.tell(move, mix)).filter(Boolean);
    if (others.length && !isFirst) say(/** @type {string} */ (others.at(-1)));
  }

  /** @param {string[]} names */
  _buildSliders(names) {
    const rows = names.map((name) => {
      const [low, high] = all(/** @type {ListKey} */ (`slider.${name}.ends`));
      const row = sliderRow({
        id: `room-slider-${name}`, title: sliderName(name), low, high,
        labels: all(/** @type {ListKey} */ (`slider.${name}.buttons`)),
        min: -1, max: 1, step: 0.1, big: 0.2, neutral: 0, value: 0, toWords: (value) => inWords(name, value), onChange: () => this._changed(),
      });
      this._sliders.set(name, row);
      return row.node;
    });
    byId("room-sliders").replaceChildren(...rows);
  }

  /** @param {{ taste_id: string, title: string }[]} tastes */
  _buildTastes(tastes) {
    show(byId("room-taste"), tastes.length > 0);
    const choices = tastes.map(({ taste_id: id, title }) => el("option", { value: id }, title));
    byId("room-taste-name").replaceChildren(el("option", { value: "" }, t("room.noTaste")), ...choices);
    this._strength = sliderRow({
      id: "room-strength", title: t("room.strength"), low: t("room.none"), high: t("room.full"),
      labels: [t("taste.less"), t("taste.more"), t("taste.usual")],
      min: 0, max: 1, step: 0.1, big: 0.2, neutral: 1, value: 1, toWords: (value) => t("room.percent", { share: Math.round(100 * value) }), onChange: () => this._changed(),
    });
    byId("room-taste-strength").replaceChildren(this._strength.node);
  }

  /** @param {RoomPartJson} part */
  _restore(part) {
    for (const [name, row] of this._sliders) row.set(part.sliders?.[name] ?? 0);
    const taste = part.tastes[0];
    if (!taste) return;
    byId("room-taste-name").value = taste.taste_id;
    this._strength?.set(taste.strength);
  }

  _changed() {
    clearTimeout(this._timer);
    this._timer = setTimeout(() => this._room?.send({ part: this._part() }), SETTLE_MS);
  }

  _part() {
    const moved = [...this._sliders].map(([name, row]) => [name, row.get()]).filter(([, value]) => value);
    const tasteId = byId("room-taste-name").value;
    return {
      sliders: Object.fromEntries(moved),
      tastes: tasteId ? [{ taste_id: tasteId, strength: this._strength?.get() ?? 1 }] : [],
    };
  }

  _reset() {
    for (const row of this._sliders.values()) row.set(0);
    byId("room-taste-name").value = "";
    this._changed();
    sayNow(t("room.resetDone"));
  }

  /** Settings of the room that a change of its words leaves as they are. */
  _settings() {
    const { bpm, key, negative_prompt: without } = this._recipe ?? {};
    return { ...(bpm ? { bpm } : {}), ...(key ? { key } : {}), ...(without ? { negative_prompt: without } : {}) };
  }

  /** @param {string} chosen */
  async _copy(chosen) {
    const link = `${location.href.split("#")[0]}#${chosen}`;
    const isCopied = await navigator.clipboard.writeText(link).then(() => true, () => false);
    byId("room-link").value = link;
    show(byId("room-link"), true);
    const isOwn = ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);
    const text = t(isOwn ? "room.onlyHere" : isCopied ? "room.copied" : "room.copyByHand");
    byId("room-status").textContent = text;
    sayNow(text);
    if (!isCopied) byId("room-link").select();
  }

  /** @param {{ text: string, isEnglish: boolean }} why */
  _refused(why) {
    byId("room-status").replaceChildren(...around("live.refused", "why", [shown(why)]));
    alarm(t("live.refused", { why: why.text }));
  }

  _leave() {
    this._hasLeft = true;
    this._room?.close();
  }

  /** @param {import("./core/api.js").ApiError | null} error */
  _ended(error) {
    clearTimeout(this._timer);
    this._room = null;
    this._recipe = null;
    this._node?.disconnect();
    this._node = null;
    show(byId("room-inside"), false);
    show(byId("room-form"), true);
    byId("room-go").focus();
    const key = /** @type {TextKey} */ (this._hasLeft ? "room.hasLeft" : ENDINGS[this._reason ?? ""] ?? "room.ended");
    byId("room-status").textContent = error && !this._hasLeft ? "" : t(key);
    if (error && !this._hasLeft) {
      const why = error.problem ? whyNot(error.problem) : { text: t("error.network"), isEnglish: false };
      byId("room-error").replaceChildren(el("p", { class: "happened", ...(why.isEnglish ? { lang: "en" } : {}) }, why.text));
      show(byId("room-error"), true);
      alarm(why.text);
    } else {
      sayNow(t(key));
    }
    this._reason = undefined;
  }
}

/** @type {Record<string, string>} */
const ENDINGS = { REMOVED: "room.wasRemoved", OWNER_AWAY: "room.ownerAway", TAKEN_OVER: "room.takenOver" };

/**
 * Why the room was not entered. An address that is no room's, or whose token is none, is a wrong link to whom it was sent.
 * @param {NonNullable<import("./core/api.js").ApiError["problem"]>} problem
 */
const whyNot = ({ reason, detail }) => (reason === "INVALID_INPUT" ? tell("WRONG_ROOM_TOKEN", "") : tell(reason, detail ?? ""));

/**
 * The tokens of the address. The owner's are kept in this tab, and the address becomes the players' link: who copies it gives no more away.
 */
function ownTokens() {
  const [name, given] = [`resonance.room.${roomId}.owner`, location.hash.slice(1)];
  const playing = given.split(".")[1];
  try {
    if (playing) {
      sessionStorage.setItem(name, given);
      history.replaceState(null, "", `#${playing}`);
    }
    const kept = sessionStorage.getItem(name) ?? "";
    return kept.split(".")[1] === (playing ?? given) ? kept : given;
  } catch {
    return given; // without storage the address keeps them
  }
}

/** A secret of this tab, by which a reload is the same member. */
function memberKey() {
  const name = `resonance.room.${roomId}`;
  try {
    const key = sessionStorage.getItem(name) ?? api.newRequestId();
    sessionStorage.setItem(name, key);
    return key;
  } catch {
    return api.newRequestId(); // without storage a reload is a new member
  }
}

fillTexts();
const page = new RoomPage();
document.documentElement.dataset.ready = "yes";
byId("room-who").focus();
export { page };
