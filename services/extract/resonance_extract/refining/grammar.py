"""The grammar: short wishes in English to slider changes, with negation, degree, halves, numbers and undo. No model, no network."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from resonance.errors import InvalidInput, invalid_field
from resonance.sliders import SLIDER_NAMES
from resonance_extract.refining.lexicon import (
    AGAIN,
    BACK_A_LITTLE,
    LEXICON,
    PHRASE_WORDS_MAX,
    RESET,
    UNDO,
    Kind,
    Sense,
)
from resonance_extract.refining.refinement import LABELS, Refinement, changes_between, whole

STEP = 0.3
SOURCE = "grammar"
EXAMPLES = "for example “more bass”, “a touch less tense”, “half the drums”, “no vocals”, “undo”"
_BREAKS = re.compile(r"[;!?\n]|[.,](?!\d)|\b(?:and|but|plus|also|then|while|yet|though)\b|&")
_WORD = re.compile(r"[+-]?\d+(?:\.\d+)?%?|[a-z]+(?:'[a-z]+)?")
_NUMBER = re.compile(r"([+-]?)(\d+(?:\.\d+)?)(%?)")


@dataclass(slots=True)
class Clause:
    """One wish as it was read. `number` is (explicit sign, value, was a percentage, stood after "to")."""

    words: str = ""
    senses: list[tuple[str, Sense]] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    number: tuple[str, float, bool, bool] | None = None

    def of(self, kind: Kind) -> list[Sense]:
        """The senses of one kind."""
        return [sense for _, sense in self.senses if sense.kind is kind]

    def has(self, kind: Kind) -> bool:
        """Whether any sense is of the kind."""
        return any(sense.kind is kind for _, sense in self.senses)

    @property
    def sliders(self) -> list[str]:
        """The sliders that are named as such."""
        return list(dict.fromkeys(sense.slider for sense in self.of(Kind.TARGET)))


@dataclass(frozen=True, slots=True)
class Move:
    """What a clause does to one slider."""

    slider: str
    how: str  # shift, set, half, double, keep
    value: float
    words: str


def refine(text: str, sliders: Mapping[str, float], previous: Mapping[str, float] | None = None) -> Refinement:
    """The sliders as the words want them.

    Args:
        text: the wish.
        sliders: positions in [-1, 1] by name; absent ones are 0.
        previous: the positions before the last change, for "undo" and "more of that".

    Raises:
        InvalidInput: nothing of it was understood (NOT_UNDERSTOOD), or it goes back and there is nothing to go back to (NOTHING_TO_UNDO).
    """
    now = whole(sliders)
    plain = _plain(text)
    if plain in UNDO:
        return _undone(now, previous)
    if plain in RESET:
        return _moved_to(now, whole({}), "back to the middle", note="All sliders are in the middle already.")
    if previous is not None and (plain in AGAIN or plain in BACK_A_LITTLE):
        return _repeated(now, whole(previous), plain)
    clauses = [clause for clause in map(_read, _BREAKS.split(_clean(text))) if clause.words]
    moves = _moves(clauses)
    unknown = tuple(word for clause in clauses for word in clause.unknown)
    if not moves:
        told = f"this could not be understood as a change of the sound; try it in other words, {EXAMPLES}"
        raise invalid_field("text", "NOT_UNDERSTOOD", told)
    return _applied(now, moves, unknown)


def is_about_the_past(text: str) -> bool:
    """Whether the words go back, start over, or ask for the last change again: nobody needs a language model for that."""
    return _plain(text) in UNDO | RESET | AGAIN | BACK_A_LITTLE


# --- whole sentences


def _undone(now: Mapping[str, float], previous: Mapping[str, float] | None) -> Refinement:
    if previous is None:
        raise InvalidInput(
            "text: there is nothing to go back to; send the positions before the last change as `previous`",
            reason="NOTHING_TO_UNDO",
        )
    return _moved_to(now, whole(previous), "back to before", note="This is how it was before; nothing had to move.")


def _moved_to(now: Mapping[str, float], after: Mapping[str, float], words: str, *, note: str) -> Refinement:
    changes = changes_between(now, after, dict.fromkeys(SLIDER_NAMES, words))
    return Refinement(sliders=after, changes=tuple(changes), notes=() if changes else (note,), source=SOURCE)


def _repeated(now: Mapping[str, float], before: Mapping[str, float], plain: str) -> Refinement:
    """The last change once more, or half of it back."""
    share = 1.0 if plain in AGAIN else -0.5
    share *= 0.5 if "bit" in plain and plain in AGAIN else 1.0
    after = {name: _held(now[name] + share * (now[name] - before[name])) for name in SLIDER_NAMES}
    note = "Nothing had changed last time, so there is nothing to do more or less of."
    return _moved_to(now, after, plain, note=note)


# --- reading


def _clean(text: str) -> str:
    return text.lower().replace("’", "'").replace("−", "-").replace("percent", "%").replace(" %", "%")


def _plain(text: str) -> str:
    words = re.findall(r"[a-z']+", _clean(text))
    while words and words[0] in {"please", "ok", "okay", "hey"}:
        words.pop(0)
    while words and words[-1] == "please":
        words.pop()
    return " ".join(words)


def _read(text: str) -> Clause:
    """The longest phrases of the lexicon, from left to right."""
    words = _WORD.findall(text)
    clause = Clause(words=" ".join(words))
    place = 0
    while place < len(words):
        if found := _NUMBER.fullmatch(words[place]):
            sign, digits, percent = found.groups()
            value = float(digits) / (100 if percent else 1)
            is_aim = place > 0 and words[place - 1] in {"to", "at", "is"}
            clause.number = (sign, -value if sign == "-" else value, bool(percent), is_aim)
            place += 1
            continue
        place += _take(clause, words, place)
    return clause


def _take(clause: Clause, words: Sequence[str], place: int) -> int:
    for length in range(min(PHRASE_WORDS_MAX, len(words) - place), 0, -1):
        phrase = " ".join(words[place : place + length])
        if sense := LEXICON.get(phrase):
            if sense.kind is not Kind.FILLER:
                clause.senses.append((phrase, sense))
            return length
    clause.unknown.append(words[place])
    return 1


# --- meaning


def _moves(clauses: Sequence[Clause]) -> list[Move]:
    """Each clause's moves. A clause without a direction of its own shares its neighbour's: "more bass and drums"."""
    moves: list[Move] = []
    waiting: list[Clause] = []
    last: Clause | None = None
    for clause in clauses:
        if not _says_what(clause):
            continue
        if _says_how(clause):
            moves += [move for early in waiting for move in _of_clause(_with_manner(early, clause))]
            waiting.clear()
            moves += _of_clause(clause)
            last = clause
        elif last is not None:
            moves += _of_clause(_with_manner(clause, last))
        else:
            waiting.append(clause)
    return moves + [move for early in waiting for move in _of_clause(early)]


def _says_what(clause: Clause) -> bool:
    return clause.has(Kind.TARGET) or clause.has(Kind.SENSE) or any(sense.is_loose for _, sense in clause.senses)


def _says_how(clause: Clause) -> bool:
    return clause.number is not None or any(sense.kind is not Kind.TARGET for _, sense in clause.senses)


def _with_manner(clause: Clause, other: Clause) -> Clause:
    manner = [one for one in other.senses if one[1].kind not in {Kind.TARGET, Kind.SENSE}]
    if not manner and (senses := other.of(Kind.SENSE)):
        manner = [("", Sense(Kind.LEAN, sign=senses[0].sign))]
    return replace(clause, senses=[*manner, *clause.senses], number=other.number)


def _of_clause(clause: Clause) -> list[Move]:
    senses = clause.of(Kind.SENSE)
    targets = [name for name in clause.sliders if name not in {sense.slider for sense in senses}]
    loose = [sense for sense in clause.of(Kind.LEAN) if sense.is_loose]
    if loose and not targets and not senses:
        senses, loose = loose, []
    leans = [sense.sign for sense in clause.of(Kind.LEAN) if not sense.is_loose or sense in loose]
    if senses and targets and not leans and not clause.has(Kind.ABSENCE):
        targets = []  # "tense strings": the adjective is the wish
    return [_sense_move(clause, sense, leans) for sense in senses] + [
        _target_move(clause, name, leans) for name in targets
    ]


def _target_move(clause: Clause, slider: str, leans: Sequence[int]) -> Move:
    lean = _product(leans)
    special = _special(clause, slider, lean or 1)
    if special is not None:
        return special
    if clause.has(Kind.ABSENCE):
        return Move(slider, "set", -1.0, clause.words)
    if clause.has(Kind.NEGATION):
        # "don't add bass" keeps it; "not the drums" wants less of them.
        how = "keep" if lean else "shift"
        return Move(slider, how, -STEP * _degree(clause), clause.words)
    if clause.has(Kind.EXCESS):
        lean = -(lean or 1)
    return Move(slider, "shift", (lean or 1) * STEP * _degree(clause), clause.words)


def _sense_move(clause: Clause, sense: Sense, leans: Sequence[int]) -> Move:
    sign = sense.sign * (_product(leans) or 1)
    degree = _degree(clause)
    if clause.has(Kind.NEGATION) and clause.has(Kind.ENOUGH):
        return Move(sense.slider, "shift", sign * STEP * degree, clause.words)
    if clause.has(Kind.NEGATION) and clause.has(Kind.EXCESS):
        return Move(sense.slider, "shift", -sign * STEP * 0.5, clause.words)  # "not too fast"
    if clause.has(Kind.NEGATION) and (_product(leans) or _is_comparative(clause, sense)):
        return Move(sense.slider, "keep", 0.0, clause.words)  # "not more tense", "but not faster"
    if clause.has(Kind.NEGATION) or clause.has(Kind.EXCESS) or clause.has(Kind.ABSENCE):
        sign = -sign
    if clause.has(Kind.ENOUGH):
        return Move(sense.slider, "keep", 0.0, clause.words)
    return _special(clause, sense.slider, sign) or Move(sense.slider, "shift", sign * STEP * degree, clause.words)


def _special(clause: Clause, slider: str, sign: int) -> Move | None:
    """What is not a step: kept, a number, a half, a double, an end, the middle."""
    if clause.has(Kind.KEEP) and not clause.has(Kind.NEGATION):
        return Move(slider, "keep", 0.0, clause.words)
    if clause.number is not None:
        return _numbered(clause, slider, sign)
    if clause.has(Kind.MIDDLE):
        return Move(slider, "set", 0.0, clause.words)
    if ends := clause.of(Kind.EXTREME):
        return Move(slider, "set", float((ends[0].sign or 1) * sign), clause.words)
    if clause.has(Kind.HALF):
        return Move(slider, "half", float(sign), clause.words)
    if clause.has(Kind.DOUBLE):
        return Move(slider, "double", float(sign), clause.words)
    return None


def _numbered(clause: Clause, slider: str, sign: int) -> Move:
    assert clause.number is not None
    mark, value, _, is_aim = clause.number
    if abs(value) > 1:
        raise invalid_field(
            "text", "NOT_UNDERSTOOD", f"{value:g} is no position: sliders go from -1 to 1, or -100% to 100%"
        )
    has_lean = clause.has(Kind.LEAN) or clause.has(Kind.SENSE)
    if is_aim or not (mark or has_lean):
        return Move(slider, "set", value, clause.words)
    return Move(slider, "shift", value if mark else sign * value, clause.words)


def _degree(clause: Clause) -> float:
    degree = 1.0
    for sense in clause.of(Kind.DEGREE):
        degree *= sense.degree
    return min(max(degree, 0.2), 4.0)


def _is_comparative(clause: Clause, sense: Sense) -> bool:
    return any(one is sense and phrase.endswith("er") for phrase, one in clause.senses)


def _product(signs: Sequence[int]) -> int:
    """Leans together: "turn down", "cut some": any "less" wins over "some"; 0 where there is none."""
    return -1 if -1 in signs else int(bool(signs))


# --- applying


def _applied(now: Mapping[str, float], moves: Sequence[Move], unknown: tuple[str, ...]) -> Refinement:
    after, words, notes = dict(now), dict[str, str](), list[str]()
    for move in moves:
        before = after[move.slider]
        after[move.slider] = _held(_reached(move, before))
        words[move.slider] = f"{words[move.slider]}; {move.words}" if move.slider in words else move.words
        if after[move.slider] == before:
            notes.append(_why_not(move, before))
    changes = changes_between(now, after, words)
    return Refinement(
        sliders=after, changes=tuple(changes), notes=tuple(dict.fromkeys(notes)), not_understood=unknown, source=SOURCE
    )


def _reached(move: Move, before: float) -> float:
    if move.how == "keep":
        return before
    if move.how == "set":
        return move.value
    if move.how == "half":
        # Half of what there is of it: on the named side of the middle the position is halved, beyond it half the way to the other end goes.
        return before / 2 if before * move.value > 0 else before + (-move.value - before) / 2
    if move.how == "double":
        return 2 * before if before * move.value > 0 else before + (move.value - before) / 2
    return before + move.value


def _why_not(move: Move, before: float) -> str:
    label = LABELS[move.slider]
    if move.how == "keep":
        return f"The {label} slider stays at {before:g}, as you asked."
    if abs(before) == 1 and move.how != "set":
        return f"The {label} slider is at its {'upper' if before > 0 else 'lower'} end already and cannot go further."
    return f"The {label} slider is at {before:g} already."


def _held(value: float) -> float:
    return round(min(1.0, max(-1.0, value)), 2) + 0.0
