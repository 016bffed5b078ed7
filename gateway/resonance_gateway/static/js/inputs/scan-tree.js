// Tree of choices for a scan, built from the command table.

import { COMMANDS, nameOf } from "../core/commands.js";
import { tOf } from "../core/strings.js";

/** @typedef {import("./scanning.js").ScanNode} ScanNode */
/**
 * One value that a command can be run with.
 * @typedef {{ name: string, args: Record<string, any> }} Offer
 */

const GROUPS = /** @type {const} */ (["play", "sound", "versions", "keep", "view"]);

/**
 * The top of the tree: playing, the sliders, and the other groups of the table. A command with several values is a row.
 * @param {{ isPossible: (id: string) => boolean, offersOf: (id: string) => Offer[] | null, sliders: () => { id: string, name: string, offers: Offer[] }[],
 *   run: (id: string, args: Record<string, any>) => void }} page
 * @returns {ScanNode[]}
 */
export function treeOf({ isPossible, offersOf, sliders, run }) {
  /** @param {import("../core/commands.js").Group} group */
  const commands = (group) => COMMANDS.filter((command) => command.group === group && command.id !== "slider" && isPossible(command.id));
  /**
   * @param {string} id
   * @param {string[]} controls
   * @returns {(offer: Offer, i: number) => ScanNode}
   */
  const action = (id, controls) => ({ name, args }, i) => ({ id: `${id} ${i}`, name, controls, act: () => run(id, args) });
  /**
   * @param {import("../core/commands.js").Command} command
   * @returns {ScanNode}
   */
  const node = ({ id, control }) => {
    const controls = control ? [control] : [];
    const offers = offersOf(id);
    if (!offers?.length) return { id, name: nameOf(id), controls, act: () => run(id, {}) };
    return { id, name: nameOf(id), controls, isRow: true, items: () => (offersOf(id) ?? []).map(action(id, controls)) };
  };
  /** @returns {ScanNode[]} */
  const rows = () => sliders().map(({ id, name, offers }) => ({
    id: `slider ${name}`, name, controls: [id], isRow: true, items: () => offers.map(action("slider", [id])),
  }));
  const top = GROUPS.map((group) => /** @type {ScanNode} */ ({
    id: group, name: tOf("keys", group), controls: commands(group).map(({ control }) => control ?? ""), items: () => commands(group).map(node),
  })).filter((group) => group.controls?.length);
  const { length } = rows();
  if (length) top.splice(1, 0, { id: "sliders", name: nameOf("slider"), controls: ["sliders"], items: rows });
  return top;
}
