// Shell: layouts, tabs, panels, and the names that the tab of the browser shows.

import { byId, show } from "../core/dom.js";
import { effect, state } from "../core/state.js";
import { t } from "../core/strings.js";
import { rove } from "../inputs/roving.js";

// The breakpoints of css/small.css. They are in em: larger letters are a smaller window.
const LOW = matchMedia("(max-height: 29.99em)");
const PHONE = matchMedia("(max-width: 43.74em)");
const TABLET = matchMedia("(max-width: 68.74em)");
/** Tabs whose content a desk shows beside the others. */
const SMALL_ONLY = ["words", "versions"];
const TABS = /** @type {import("../core/state.js").Tab[]} */ (["words", "sound", "versions", "lanes", "more"]);

/** Builds the shell: what is shown where. */
export function buildShell() {
  for (const query of [LOW, PHONE, TABLET]) query.addEventListener("change", measure);
  measure();
  effect(() => arrange(state.layout.value));
  effect(() => showTab(state.tab.value));
  for (const name of TABS) byId(`tab-${name}`).addEventListener("click", () => (state.tab.value = name));
  byId("tabs").addEventListener("focusin", (event) => {
    const { tab } = /** @type {HTMLElement} */ (event.target).dataset;
    if (tab) state.tab.value = /** @type {import("../core/state.js").Tab} */ (tab);
  });
  rove(byId("tabs"));
  rove(document.querySelector(".top-actions"));
  rove(byId("player"), "#transport button, #actions button");
  rove(byId("phone-actions"));
  rove(byId("make-form"), "#prompt-speak, .chip");
  rove(byId("make-tools"));
  rove(byId("say-tools"));
  rove(byId("sound-tools"), "button, input");
  effect(() => {
    const isOpen = state.isLibraryOpen.value;
    show(byId("library-section"), isOpen, byId("library-open"));
    byId("library-open").setAttribute("aria-expanded", String(isOpen));
    if (isOpen) byId("library-title").focus();
  });
  byId("library-close").addEventListener("click", () => (state.isLibraryOpen.value = false));
  effect(() => {
    document.title = title();
  });
}

function measure() {
  state.layout.value = LOW.matches ? "low" : PHONE.matches ? "phone" : TABLET.matches ? "tablet" : "desk";
}

/**
 * Puts the nodes where a layout has them: on small screens the player's actions lie under "More", and in a low window the player stands
 * after the picture.
 * @param {import("../core/state.js").Layout} layout
 */
function arrange(layout) {
  document.body.dataset.layout = layout;
  const isSmall = layout === "phone" || layout === "low";
  if (!isSmall && SMALL_ONLY.includes(state.tab.value)) state.tab.value = "sound";
  const actions = byId("actions");
  const place = isSmall ? byId("phone-actions") : byId("player");
  if (actions.parentElement !== place) place.insertBefore(actions, isSmall ? null : byId("volume").closest(".volume"));
  // On a small screen the versions are what a tab shows; on a desk they stand above the tabs.
  const tabRow = byId("tabs").parentElement;
  if (isSmall) tabRow.after(byId("versions"));
  else tabRow.before(byId("versions"));
  const player = byId("player");
  if (layout === "low") byId("stage").after(player);
  else if (player.parentElement !== byId("studio")) byId("studio").append(player);
}

/** @param {import("../core/state.js").Tab} tab */
function showTab(tab) {
  document.body.dataset.tab = tab;
  for (const name of TABS) {
    const button = byId(`tab-${name}`);
    button.setAttribute("aria-selected", String(name === tab));
    button.tabIndex = name === tab ? 0 : -1;
  }
}

function title() {
  const name = state.live.value ? t("now.live") : state.take.value?.body.prompt;
  if (state.isMaking.value) return t("title.making");
  return name ? t("title.piece", { name }) : "Resonance";
}
