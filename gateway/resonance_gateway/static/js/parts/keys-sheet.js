// Sheet of keys and sentences, drawn from the command table.

import { COMMANDS, nameOf, sentenceOf } from "../core/commands.js";
import { byId } from "../core/dom.js";
import { t, tOf } from "../core/strings.js";
import { html, nothing, render } from "../vendor/lit-html/lit-html.js";

const GROUPS = /** @type {const} */ (["play", "sound", "versions", "keep", "view"]);

/** Opens the sheet. */
export function openKeys() {
  render(GROUPS.map((group) => html`
    <h3>${tOf("keys", group)}</h3>
    <dl class="keys">${COMMANDS.filter((command) => command.group === group).map(({ id, key }) => html`
      <dt>${nameOf(id)}</dt>
      <dd>${key ? html`<kbd>${keyName(key)}</kbd>` : nothing}</dd>
      <dd>${t("keys.say", { sentence: sentenceOf(id) })}</dd>`)}
    </dl>`), byId("keys-list"));
  byId("keys-dialog").showModal();
}

/** @param {string} key */
function keyName(key) {
  const names = /** @type {Record<string, string>} */ ({ " ": t("keys.space"), Escape: "Esc", ArrowLeft: "←", ArrowRight: "→" });
  return names[key] ?? key.toUpperCase();
}
