// Scanner: goes through a tree of choices with one or two switches. It has no elements and no clock of its own.

/**
 * One choice: a group or a row has `items`, an action has `act`. A scan stays in a row after an action, and goes back to the top after one
 * of a group. `controls` are ids of the elements that it stands for.
 * @typedef {{ id: string, name: string, items?: () => ScanNode[], isRow?: boolean, act?: () => void, controls?: string[] }} ScanNode
 * @typedef {{ source: () => ScanNode[], items: ScanNode[], at: number, isRow: boolean }} Level
 */

/** The first choice of a level lasts longer, because the eye has to find it. */
const FIRST = 1.5;
/** Rounds of a level without a choice before the scan leaves it; at the top it then rests until a press. */
const ROUNDS = 2;
const BACK = "a level up"; // no id of a command

export class Scanner {
  /**
   * `root` gives the top of the tree whenever it is asked. `after(act, ms)` calls later and returns what takes that back. `isTimed` is true
   * for one switch: the choice then moves by itself. Presses within `restMs` of the one before are ignored.
   * @param {{ root: () => ScanNode[], backName: string, isTimed: boolean, stepMs: number, restMs: number, now: () => number,
   *   after: (act: () => void, ms: number) => () => void, onChange: (scanner: Scanner) => void }} options
   */
  constructor({ root, backName, isTimed, stepMs, restMs, now, after, onChange }) {
    this.stepMs = stepMs;
    this._root = root;
    this._backName = backName;
    this._isTimed = isTimed;
    this._restMs = restMs;
    this._now = now;
    this._after = after;
    this._onChange = onChange;
    /** @type {Level[]} */
    this._levels = [];
    this._rounds = 0;
    this._pressedMs = -Infinity;
    this._cancel = () => {};
    this.isMoving = false;
  }

  /** The choice that a press would take; null while the scan rests. */
  get current() {
    const level = this._levels.at(-1);
    return this.isMoving && level ? level.items[level.at] : null;
  }

  /** The choices of the level that is scanned. */
  get items() {
    return this._levels.at(-1)?.items ?? [];
  }

  get depth() {
    return this._levels.length - 1;
  }

  /** Begins at the top. */
  start() {
    this._levels = [];
    this._enter(this._root, false);
  }

  /** Stops; nothing is called any more until the next start. */
  stop() {
    this._cancel();
    this._levels = [];
    this.isMoving = false;
  }

  /**
   * Takes a press of a switch: "choose" takes the current choice, "step" moves on. True where it was not ignored.
   * @param {"choose" | "step"} kind
   */
  press(kind) {
    const now = this._now();
    if (now - this._pressedMs < this._restMs) return false;
    this._pressedMs = now;
    if (!this.isMoving) this.start();
    else if (kind === "step") this._step();
    else this._choose();
    return true;
  }

  _choose() {
    const level = /** @type {Level} */ (this._levels.at(-1));
    const node = level.items[level.at];
    this._rounds = 0;
    if (node.id === BACK) this._leave();
    else if (node.items) this._enter(node.items, Boolean(node.isRow));
    else {
      node.act?.();
      if (!this.isMoving) return; // the act has ended the scan
      if (!level.isRow) return this.start();
      this._refresh(level);
      this._show(FIRST);
    }
  }

  _step() {
    const level = /** @type {Level} */ (this._levels.at(-1));
    this._refresh(level);
    level.at += 1;
    if (level.at < level.items.length) return this._show(1);
    level.at = 0;
    this._rounds += 1;
    if (!this._isTimed || this._rounds < ROUNDS) return this._show(FIRST);
    this._rounds = 0;
    if (this._levels.length > 1) this._leave();
    else this._rest();
  }

  /**
   * @param {() => ScanNode[]} source
   * @param {boolean} isRow
   */
  _enter(source, isRow) {
    const level = { source, items: /** @type {ScanNode[]} */ ([]), at: 0, isRow };
    this._levels.push(level);
    this._refresh(level);
    this._rounds = 0;
    this.isMoving = true;
    this._show(FIRST);
  }

  _leave() {
    this._levels.pop();
    this._refresh(/** @type {Level} */ (this._levels.at(-1)));
    this._show(FIRST);
  }

  _rest() {
    this._cancel();
    this.isMoving = false;
    this._onChange(this);
  }

  /**
   * Reads a level anew and stays at its choice, or at the place where that choice was.
   * @param {Level} level
   */
  _refresh(level) {
    const id = level.items[level.at]?.id;
    const isTop = this._levels[0] === level;
    level.items = isTop ? level.source() : [...level.source(), { id: BACK, name: this._backName }];
    const found = level.items.findIndex((item) => item.id === id);
    level.at = found < 0 ? Math.min(level.at, level.items.length - 1) : found;
  }

  /** @param {number} times how many steps the choice lasts */
  _show(times) {
    this._cancel();
    if (this._isTimed) this._cancel = this._after(() => this._step(), times * this.stepMs);
    this._onChange(this);
  }
}
