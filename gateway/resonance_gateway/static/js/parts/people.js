// People of a room: who is here, how much of each is sounding, and who moved what.

import { byId, el } from "../core/dom.js";
import { t, tOf } from "../core/strings.js";
import { inWords, sliderName } from "./sliders.js";

const MOVES_MAX = 12;
const SLIDER = "sliders.";

export class People {
  /** @param {{ remove(memberId: string): void, weigh(memberId: string, weight: number): void }} options */
  constructor({ remove, weigh }) {
    this._remove = remove;
    this._weigh = weigh;
    /** @type {Map<string, PersonRow>} */
    this._rows = new Map();
    this.isOwner = false;
    this.me = "";
  }

  /**
   * Shows a mix. Rows that are there already stay, focus and all.
   * @param {RoomMixJson} mix
   */
  show(mix) {
    const list = byId("room-people");
    for (const [id, row] of this._rows) {
      if (mix.members.some((member) => member.member_id === id)) continue;
      row.node.remove();
      this._rows.delete(id);
    }
    for (const member of mix.members) {
      let row = this._rows.get(member.member_id);
      if (!row) {
        row = this._row(member);
        this._rows.set(member.member_id, row);
        list.append(row.node);
      }
      this._fill(row, member);
    }
    byId("room-listeners").textContent = t("room.listeners", { count: mix.listener_count });
    const told = mix.moves.map((move) => this.tell(move, mix)).filter(Boolean);
    byId("room-moves").prepend(...told.reverse().map((text) => el("li", {}, text)));
    for (const old of [...byId("room-moves").children].slice(MOVES_MAX)) old.remove();
  }

  /**
   * What somebody did, in words; empty for what is not worth telling.
   * @param {RoomMoveJson} move
   * @param {RoomMixJson} mix
   */
  tell(move, mix) {
    const name = this.nameOf(move.member_id, mix);
    if (["joined", "left", "removed"].includes(move.control)) return tOf("room", move.control, { name });
    if (move.control === "words") return t("room.reworded", { name });
    if (move.control.startsWith(SLIDER)) {
      const slider = move.control.slice(SLIDER.length);
      return t("room.moved", { name, what: sliderName(slider), words: inWords(slider, move.after) });
    }
    if (move.control.startsWith("tastes.")) return t(move.after ? "room.tasted" : "room.untasted", { name });
    if (move.control.startsWith("weight.")) return t("room.weighed", { name: this.nameOf(move.control.slice(7), mix), words: weightWords(move.after) });
    return "";
  }

  /**
   * @param {string} memberId
   * @param {RoomMixJson} mix
   */
  nameOf(memberId, mix) {
    const name = mix.members.find((member) => member.member_id === memberId)?.name ?? t("room.someone");
    return memberId === this.me ? t("room.you", { name }) : name;
  }

  /** @param {RoomMemberJson} member */
  _row(member) {
    const dot = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    dot.setAttribute("viewBox", "0 0 20 20");
    dot.setAttribute("aria-hidden", "true");
    const circle = document.createElementNS("http://www.w3.org/2000/svg", "circle");
    for (const [name, value] of Object.entries({ cx: 10, cy: 10, r: 9, fill: `hsl(${member.hue} 60% 50%)` })) circle.setAttribute(name, String(value));
    dot.append(circle);
    const name = el("span", {});
    const meter = el("meter", { min: 0, max: 1, "aria-label": t("room.shareOf", { name: member.name }) });
    const words = el("p", { class: "small" });
    const tools = el("div", { class: "row" });
    const weight = el("select", { "aria-label": t("room.weightOf", { name: member.name }) },
      ...[1, 0.5, 0].map((value) => el("option", { value }, weightWords(value))));
    weight.addEventListener("change", () => this._weigh(member.member_id, Number(weight.value)));
    if (this.isOwner && member.role !== "owner") {
      const away = el("button", { type: "button", class: "button quiet", onclick: () => this._remove(member.member_id) }, t("room.sendAway", { name: member.name }));
      tools.append(weight, away);
    }
    const node = el("li", {}, el("span", { class: "room-person" }, dot, name), tools, el("div", { class: "room-share" }, meter, words));
    return { node, name, meter, words, weight, tools };
  }

  /**
   * @param {PersonRow} row
   * @param {RoomMemberJson} member
   */
  _fill(row, member) {
    row.name.textContent = member.member_id === this.me ? t("room.you", { name: member.name }) : member.name;
    row.node.classList.toggle("is-away", !member.is_present);
    row.meter.value = Math.max(0, Math.min(1, member.push_share));
    row.words.textContent = shareWords(member);
    row.tools.hidden = !member.is_present;
    if (document.activeElement !== row.weight) row.weight.value = String(member.weight);
  }
}

/**
 * How much of a member is sounding, in words.
 * @param {RoomMemberJson} member
 */
export function shareWords(member) {
  if (!member.is_present) return t("room.away");
  const share = Math.round(100 * member.push_share);
  const sounding = Math.round(100 * member.sounding_share);
  if (!share && !sounding) return t("room.nothing");
  return t(sounding < 0 ? "room.against" : "room.share", { share, sounding });
}

/** @param {number} weight */
const weightWords = (weight) => t(weight >= 0.75 ? "room.full" : weight > 0 ? "room.half" : "room.none");
