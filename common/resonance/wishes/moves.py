"""Slider moves of clauses: negation, excess, absence, halves, ends, numbers.

An ambiguous clause moves nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from resonance.errors import invalid_field
from resonance.wishes.clauses import PARTICLES, Clause, Item
from resonance.wishes.lexicon import Kind, Sense

STEP = 0.3
# With these words praise is a wish: "I'd love more bass", "a choir would be great".
_WISHING = frozenset({"i'd", "we'd", "would"})
# Words that can invert a wish, alone or with their verb. A clause in which they are not understood moves nothing.
TURNING = PARTICLES | {"nothing", "nowhere", "nobody", "minus", "wont", "cant", "unless", "except", "instead"}
_PRAISE = frozenset({Kind.PRAISE})
_IDLE = frozenset({Kind.PRAISE, Kind.FILLER})


@dataclass(frozen=True, slots=True)
class Move:
    """The effect of a clause on one slider."""

    slider: str
    how: str  # shift, set, half, rise, double, keep, liked
    value: float
    words: str


def parse_moves(clauses: Sequence[Clause]) -> tuple[list[Move], tuple[str, ...]]:
    """The moves of all clauses, and the words not understood.

    A clause without a direction of its own takes its neighbour's: "more bass and drums". A clause moves nothing where it names no slider,
    says something unknown about one, or says two opposite things.
    """
    moves: list[Move] = []
    not_understood: list[str] = []
    waiting: list[Clause] = []
    last: Clause | None = None
    for clause in map(_drop_idle_praise, clauses):
        if clause.is_empty or all(item.has_kind(_IDLE) for item in clause.items):
            continue  # "please", "I love it"
        if not _is_readable(clause):
            not_understood.append(clause.words)
            continue
        not_understood += clause.unknown + _find_unmoved(clause)
        if _has_manner(clause):
            moves += [move for early in waiting for move in _derive_moves(_share_manner(early, clause))]
            waiting.clear()
            moves += _derive_moves(clause)
            last = clause
        elif last is not None:
            moves += _derive_moves(_add_manner(clause, last))
        else:
            waiting.append(clause)
    return moves + [move for early in waiting for move in _derive_moves(early)], tuple(not_understood)


def _drop_idle_praise(clause: Clause) -> Clause:
    """Replaces praise by a filler beside a wish ("I like it calmer", "louder is fine"). Alone it keeps the slider."""
    is_wished = not _WISHING.isdisjoint(item.phrase for item in clause.items)
    if not is_wished and (clause.has(Kind.NEGATION) or not _asks(clause)):
        return clause
    items = (Item(item.phrase, Sense(Kind.FILLER)) if item.has_kind(_PRAISE) else item for item in clause.items)
    return Clause(tuple(items), wording=clause.wording)


def _asks(clause: Clause) -> bool:
    """True where the clause asks for a change, with or without praise."""
    leans = any(sense.is_change or sense.is_excess for sense in clause.of(Kind.LEAN) + clause.of(Kind.SENSE))
    kinds = (Kind.EXCESS, Kind.ABSENCE, Kind.HALF, Kind.DOUBLE)
    return leans or clause.number is not None or any(clause.has(kind) for kind in kinds)


def _is_readable(clause: Clause) -> bool:
    if not (clause.sliders or clause.has(Kind.SENSE) or any(sense.is_loose for _, sense in clause.senses)):
        return False
    if (clause.has(Kind.KEEP) or clause.has(Kind.PRAISE)) and clause.has(Kind.NEGATION):
        return False  # "not the same bass", "the bass is not great": which way?
    strong = [item for item in clause.items if item.has_manner and not _is_faint(item)]
    signs = {sense.sign for sense in clause.of(Kind.LEAN) if not sense.is_faint}
    if clause.unknown and not signs and (_is_ruled_out(clause) or not (strong or clause.has(Kind.SENSE))):
        return False  # "purple bass", "don't ruin the bass"
    if not TURNING.isdisjoint(clause.unknown):
        return False
    phrases = {phrase for phrase, _ in clause.senses}
    is_torn = "more" in phrases and not phrases.isdisjoint({"less", "fewer"})
    return not (is_torn or (len(clause.sliders) > 1 and len(signs) > 1))


def _is_ruled_out(clause: Clause) -> bool:
    return clause.has(Kind.NEGATION) or clause.has(Kind.WITHOUT)


def _is_faint(item: Item) -> bool:
    return isinstance(item.meaning, Sense) and item.meaning.is_faint


def _has_manner(clause: Clause) -> bool:
    return clause.number is not None or any(sense.kind not in {Kind.TARGET, Kind.FILLER} for _, sense in clause.senses)


def _share_manner(early: Clause, clause: Clause) -> Clause:
    """Gives an early clause the manner of a later one: "the bass and the energy lower" is one wish, "drums without bass" is two."""
    return early if clause.has(Kind.WITHOUT) else _add_manner(early, clause)


def _add_manner(clause: Clause, other: Clause) -> Clause:
    topics = (Kind.TARGET, Kind.SENSE, Kind.FILLER)
    manner = [
        item
        for item in other.items
        if item.meaning is not None and not (isinstance(item.meaning, Sense) and item.meaning.kind in topics)
    ]
    if not manner and (senses := other.of(Kind.SENSE)):
        manner = [Item("", Sense(Kind.LEAN, sign=senses[0].sign))]
    return Clause((*manner, *clause.items), wording=clause.words)


# --- one clause


def _find_subjects(clause: Clause) -> tuple[list[Sense], list[str], list[int]]:
    """The senses and bare targets that the clause moves, and the leans on them."""
    senses = clause.of(Kind.SENSE)
    targets = [name for name in clause.sliders if name not in {sense.slider for sense in senses}]
    loose = [sense for sense in clause.of(Kind.LEAN) if sense.is_loose]
    if loose and not targets and not senses:
        senses, loose = loose, []
    leans = [sense.sign for sense in clause.of(Kind.LEAN) if not sense.is_loose or sense in loose]
    if senses and targets and not leans and not clause.has(Kind.ABSENCE) and not clause.has(Kind.WITHOUT):
        targets = []  # "tense strings": the adjective is the wish
    return senses, targets, leans


def _find_unmoved(clause: Clause) -> list[str]:
    """Targets that the clause names and does not move: "bass" in "energetic bass"."""
    senses, targets, _ = _find_subjects(clause)
    moved = {sense.slider for sense in senses} | set(targets)
    return [phrase for phrase, sense in clause.senses if sense.kind is Kind.TARGET and sense.slider not in moved]


def _derive_moves(clause: Clause) -> list[Move]:
    senses, targets, leans = _find_subjects(clause)
    return [_move_sense(clause, sense, leans) for sense in senses] + [
        _move_target(clause, name, leans) for name in targets
    ]


def _move_target(clause: Clause, slider: str, leans: Sequence[int]) -> Move:
    lean = _combine_leans(leans)
    step = STEP * _combine_degrees(clause)
    if clause.has(Kind.NEGATION) or (clause.has(Kind.WITHOUT) and _is_complaint(clause)):
        return _move_negated_target(clause, slider, lean, step)
    if clause.has(Kind.WITHOUT) and _is_adjective(clause):
        return Move(slider, "shift", -lean * step, clause.words)  # "no loud vocals"
    if clause.has(Kind.ENOUGH) or (clause.has(Kind.WITHOUT) and _is_change(clause)):
        return Move(slider, "keep", 0.0, clause.words)
    if (special := _find_special_move(clause, slider, 1, lean)) is not None:
        return special
    if gone := clause.of(Kind.ABSENCE) + clause.of(Kind.WITHOUT):
        is_part = clause.has(Kind.DEGREE) or bool(leans)
        if is_part and clause.has(Kind.ABSENCE):
            return Move(slider, "shift", -step, clause.words)  # "lose some of the bass"
        return Move(slider, "set", -gone[0].degree, clause.words)
    if clause.has(Kind.EXCESS):
        lean = -(lean or 1)
    return Move(slider, "shift", (lean or 1) * step, clause.words)


def _move_negated_target(clause: Clause, slider: str, lean: int, step: float) -> Move:
    if clause.has(Kind.ENOUGH):
        return Move(slider, "shift", (lean or 1) * step, clause.words)  # "not loud enough"
    if _is_complaint(clause):
        return Move(slider, "shift", lean * STEP * 0.5, clause.words)  # "not too much bass"
    if clause.has(Kind.EXCESS):
        return Move(slider, "shift", -(lean or 1) * STEP * 0.5, clause.words)  # "not too loud"
    if _is_adjective(clause):
        return Move(slider, "shift", -lean * step, clause.words)  # "not so loud"
    # "don't add bass" keeps it, and so do "don't remove" and "don't halve"; "not the drums" wants less of them.
    is_kept = lean or _is_change(clause) or clause.has(Kind.WITHOUT)
    return Move(slider, "keep" if is_kept else "shift", -step, clause.words)


def _is_complaint(clause: Clause) -> bool:
    return any(sense.is_excess for sense in clause.of(Kind.LEAN))


def _is_adjective(clause: Clause) -> bool:
    """True where a lean describes a state ("loud", "low") and none names a change."""
    return not _is_change(clause) and any(not sense.is_faint for sense in clause.of(Kind.LEAN))


def _is_change(clause: Clause) -> bool:
    """True where the clause names a change, which "without" and "don't" rule out."""
    leans = any(sense.is_change for sense in clause.of(Kind.LEAN))
    kinds = (Kind.ABSENCE, Kind.HALF, Kind.DOUBLE, Kind.EXTREME, Kind.MIDDLE, Kind.KEEP)
    return leans or clause.number is not None or any(clause.has(kind) for kind in kinds)


def _move_sense(clause: Clause, sense: Sense, leans: Sequence[int]) -> Move:
    lean = 0 if sense.sign < 0 and _is_only_down(clause) else _combine_leans(leans)
    step = sense.sign * (lean or 1) * STEP * _combine_degrees(clause)
    is_ruled_out = _is_ruled_out(clause)
    if is_ruled_out and clause.has(Kind.ENOUGH):
        return Move(sense.slider, "shift", step, clause.words)
    if is_ruled_out and clause.has(Kind.EXCESS):
        return Move(sense.slider, "shift", -sense.sign * (lean or 1) * STEP * 0.5, clause.words)  # "not too fast"
    if clause.has(Kind.ENOUGH) or (is_ruled_out and (lean or sense.is_change or _is_change(clause))):
        return Move(sense.slider, "keep", 0.0, clause.words)  # "not more tense", "without getting faster"
    if is_ruled_out or clause.has(Kind.EXCESS) or clause.has(Kind.ABSENCE):
        lean, step = -(lean or 1), -step
    return _find_special_move(clause, sense.slider, sense.sign, lean) or Move(sense.slider, "shift", step, clause.words)


def _is_only_down(clause: Clause) -> bool:
    """True where "down" is the only lean: in "quieter down" it belongs to the sense and does not invert it."""
    return all(phrase == "down" for phrase, sense in clause.senses if sense.kind is Kind.LEAN and not sense.is_loose)


def _find_special_move(clause: Clause, slider: str, named: int, lean: int) -> Move | None:
    """The move of a clause that is not a step: kept, a number, the middle, an end, a half, a double; None for a step.

    `named` is the end that the words name, and `lean` is 1 towards it, -1 away from it, or 0.
    """
    sign = named * (lean or 1)
    if clause.has(Kind.KEEP):
        return Move(slider, "keep", 0.0, clause.words)
    if clause.has(Kind.PRAISE):
        return Move(slider, "liked", 0.0, clause.words)
    if clause.number is not None:
        return _move_by_number(clause, slider, sign)
    if clause.has(Kind.MIDDLE):
        return Move(slider, "set", 0.0, clause.words)
    if ends := clause.of(Kind.EXTREME):
        end = named * ends[0].sign if ends[0].sign else sign  # "down to the minimum" is one way, not two
        return Move(slider, "set", float(end), clause.words)
    if clause.has(Kind.HALF):
        return Move(slider, "rise" if lean > 0 else "half", float(named), clause.words)
    if clause.has(Kind.DOUBLE):
        return Move(slider, "half" if lean < 0 else "double", float(named), clause.words)
    return None


def _move_by_number(clause: Clause, slider: str, sign: int) -> Move:
    assert clause.number is not None
    number = clause.number
    if abs(number.value) > 1:
        raise invalid_field(
            "text", "NOT_UNDERSTOOD", f"{number.value:g} is no position: sliders go from -1 to 1, or -100% to 100%"
        )
    has_lean = clause.has(Kind.LEAN) or clause.has(Kind.SENSE)
    if number.is_aim or not (number.is_signed or has_lean):
        return Move(slider, "set", number.value, clause.words)
    return Move(slider, "shift", number.value if number.is_signed else sign * number.value, clause.words)


def _combine_degrees(clause: Clause) -> float:
    degree = 1.0
    for sense in clause.of(Kind.DEGREE):
        degree *= sense.degree
    return min(max(degree, 0.2), 4.0)


def _combine_leans(signs: Sequence[int]) -> int:
    """The sign of several leans, 0 for none. Any "less" wins over "some": "turn down", "cut some"."""
    return -1 if -1 in signs else int(bool(signs))
