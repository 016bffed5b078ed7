// Roving Tab stop: a group of buttons is one stop, and the arrow keys go from button to button.

const STEPS = /** @type {Record<string, number>} */ ({ ArrowRight: 1, ArrowLeft: -1, ArrowDown: 1, ArrowUp: -1 });

/**
 * Makes a group one Tab stop. Items that are hidden or disabled are left out, whenever that changes.
 * @param {HTMLElement} group
 * @param {string} items a selector
 */
export function rove(group, items = "button, select") {
  settle(group, items);
  new MutationObserver(() => settle(group, items)).observe(group, {
    childList: true, subtree: true, attributes: true, attributeFilter: ["hidden", "disabled"],
  });
  group.addEventListener("focusin", (event) => {
    const item = /** @type {Element} */ (event.target).closest(items);
    if (item) settle(group, items, /** @type {HTMLElement} */ (item));
  });
  group.addEventListener("keydown", (event) => {
    const there = usable(group, items);
    const at = there.indexOf(/** @type {HTMLElement} */ (event.target));
    if (at < 0 || event.ctrlKey || event.altKey || event.metaKey) return;
    const goal = goalOf(event.key, at, there.length, getComputedStyle(there[at].parentElement).direction === "rtl");
    if (goal === null) return;
    event.preventDefault();
    event.stopPropagation();
    there[goal].focus();
  });
}

/**
 * @param {string} key
 * @param {number} at
 * @param {number} count
 * @param {boolean} isMirrored whether the row runs from right to left
 */
function goalOf(key, at, count, isMirrored) {
  if (key === "Home") return 0;
  if (key === "End") return count - 1;
  if (!(key in STEPS)) return null;
  return (at + (isMirrored && key !== "ArrowUp" && key !== "ArrowDown" ? -1 : 1) * STEPS[key] + count) % count;
}

/**
 * @param {HTMLElement} group
 * @param {string} items
 */
const usable = (group, items) =>
  /** @type {HTMLElement[]} */ ([...group.querySelectorAll(items)]).filter((item) => item.checkVisibility() && !(/** @type {HTMLButtonElement} */ (item).disabled));

/**
 * @param {HTMLElement} group
 * @param {string} items
 * @param {HTMLElement | null} chosen
 */
function settle(group, items, chosen = null) {
  const there = usable(group, items);
  const stop = chosen ?? there.find((item) => item === document.activeElement) ?? there.find((item) => item.tabIndex === 0) ?? there[0];
  for (const item of group.querySelectorAll(items)) {
    const tab = item === stop ? "0" : "-1";
    if (item.getAttribute("tabindex") !== tab) item.setAttribute("tabindex", tab);
  }
}
