"""Entry of the wish grammar: a wish as a refinement.

It reads negation, degree, halves, numbers and undo.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from resonance.errors import InvalidInput, invalid_field
from resonance.steering.sliders import SLIDER_NAMES
from resonance.wishes.clauses import normalise, parse_clauses
from resonance.wishes.lexicon import AGAIN, BACK_A_LITTLE, RESET, UNDO
from resonance.wishes.moves import Move, parse_moves
from resonance.wishes.phrases import PHRASES_MAX, is_phrase, parse_open_clauses
from resonance.wishes.refinement import (
    LABELS,
    Refinement,
    changes_between,
    complete_sliders,
    concept_changes_between,
)

SOURCE = "grammar"
EXAMPLES = "for example “more bass”, “a touch less tense”, “half the drums”, “no vocals”, “undo”"


def refine(text: str, sliders: Mapping[str, float], previous: Mapping[str, float] | None = None) -> Refinement:
    """The sliders after the wish.

    Args:
        text: the wish.
        sliders: positions in [-1, 1] by name; absent ones are 0.
        previous: the positions before the last change, for "undo" and "more of that".

    Raises:
        InvalidInput: no part was understood (NOT_UNDERSTOOD), or the wish is an undo without `previous` (NOTHING_TO_UNDO).
    """
    now = complete_sliders(sliders)
    plain = _strip_courtesy(text)
    if plain in UNDO:
        return _undo(now, previous)
    if plain in RESET:
        return _move_to(now, complete_sliders({}), "back to the middle", note="All sliders are in the middle already.")
    if previous is not None and (plain in AGAIN or plain in BACK_A_LITTLE):
        return _repeat(now, complete_sliders(previous), plain)
    moves, not_understood = parse_moves(parse_clauses(text))
    if not moves:
        raise _not_understood()
    return _apply(now, moves, not_understood)


def _not_understood() -> InvalidInput:
    message = f"this could not be understood as a change of the sound; try it in other words, {EXAMPLES}"
    return invalid_field("text", "NOT_UNDERSTOOD", message)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenWish:
    """A wish that may name phrases: what it does to the sliders and to the concepts that are there, and the moves of its phrases.

    The target of a phrase's move is read by `phrases.phrase_of`.
    """

    refinement: Refinement
    phrase_moves: tuple[Move, ...] = ()


def read_open(
    text: str,
    sliders: Mapping[str, float],
    previous: Mapping[str, float] | None = None,
    *,
    concepts: Mapping[str, float],
    previous_concepts: Mapping[str, float] | None = None,
) -> OpenWish:
    """Reads a wish whose unknown words may be phrases. `concepts` are positions by name, `previous_concepts` those before the last change.

    Raises what `refine` raises, and InvalidInput where a phrase is too long or there are too many.
    """
    plain = _strip_courtesy(text)
    is_repeat = previous is not None and plain in AGAIN | BACK_A_LITTLE
    if plain in UNDO | RESET or is_repeat:
        return OpenWish(refinement=_move_all(text, sliders, previous, concepts, previous_concepts or {}))
    moves, not_understood = parse_moves(parse_open_clauses(text))
    phrase_moves = tuple(move for move in moves if is_phrase(move.slider))
    if len({move.slider for move in phrase_moves}) > PHRASES_MAX:
        message = f"this names more than {PHRASES_MAX} sounds; ask for them one after another"
        raise invalid_field("text", "TOO_MANY_PHRASES", message)
    if not moves:
        raise _not_understood()
    own = [move for move in moves if not is_phrase(move.slider)]
    found = _apply(complete_sliders(sliders), own, not_understood)
    return OpenWish(refinement=replace(found, concepts=dict(concepts)), phrase_moves=phrase_moves)


def _move_all(
    text: str,
    sliders: Mapping[str, float],
    previous: Mapping[str, float] | None,
    concepts: Mapping[str, float],
    before: Mapping[str, float],
) -> Refinement:
    """Undo, reset and "more of that" for sliders and concepts alike."""
    found, plain = refine(text, sliders, previous), _strip_courtesy(text)
    after = dict.fromkeys(concepts, 0.0) if plain in RESET else dict.fromkeys(concepts, 0.0) | dict(before)
    if plain not in UNDO | RESET:
        share = _repeat_share(plain)
        after = {name: _clip(now + share * (now - before.get(name, 0.0))) for name, now in concepts.items()}
    changes = tuple(concept_changes_between(concepts, after, dict.fromkeys(after, plain)))
    notes = () if changes else found.notes
    return replace(found, concepts=after, concept_changes=changes, notes=notes)


def move_position(move: Move, before: float) -> float:
    """The position in [-1, 1] after a move."""
    return _clip(_compute_position(move, before))


def is_about_the_past(text: str) -> bool:
    """True for wishes about earlier positions, such as undo, reset and "more of that". They need no language model."""
    return _strip_courtesy(text) in UNDO | RESET | AGAIN | BACK_A_LITTLE


# --- whole sentences


def _undo(now: Mapping[str, float], previous: Mapping[str, float] | None) -> Refinement:
    if previous is None:
        raise InvalidInput(
            "text: there is nothing to go back to; send the positions before the last change as `previous`",
            reason="NOTHING_TO_UNDO",
        )
    return _move_to(
        now, complete_sliders(previous), "back to before", note="This is how it was before; nothing had to move."
    )


def _move_to(now: Mapping[str, float], after: Mapping[str, float], words: str, *, note: str) -> Refinement:
    changes = changes_between(now, after, dict.fromkeys(SLIDER_NAMES, words))
    return Refinement(sliders=after, changes=tuple(changes), notes=() if changes else (note,), source=SOURCE)


def _repeat(now: Mapping[str, float], before: Mapping[str, float], plain: str) -> Refinement:
    """Applies the last change again, or takes half of it back."""
    share = _repeat_share(plain)
    after = {name: _clip(now[name] + share * (now[name] - before[name])) for name in SLIDER_NAMES}
    note = "Nothing had changed last time, so there is nothing to do more or less of."
    return _move_to(now, after, plain, note=note)


def _repeat_share(plain: str) -> float:
    """The share of the last change that is made again."""
    if plain not in AGAIN:
        return -0.5
    return 0.5 if "bit" in plain else 1.0


def _strip_courtesy(text: str) -> str:
    words = re.findall(r"[a-z']+", normalise(text))
    while words and words[0] in {"please", "ok", "okay", "hey"}:
        words.pop(0)
    while words and words[-1] == "please":
        words.pop()
    return " ".join(words)


# --- applying


def _apply(now: Mapping[str, float], moves: Sequence[Move], not_understood: tuple[str, ...]) -> Refinement:
    after, words, notes = dict(now), dict[str, str](), list[str]()
    turned: set[str] = set()
    for move in moves:
        before = after[move.slider]
        after[move.slider] = _clip(_compute_position(move, before))
        words[move.slider] = f"{words[move.slider]}; {move.words}" if move.slider in words else move.words
        if after[move.slider] == before:
            notes.append(_explain_standstill(move, before))
        else:
            turned.add(move.slider)
    changes = changes_between(now, after, words)
    still = {move.slider for move in moves} - {change.slider for change in changes}
    notes += [_explain_cancellation(name, now[name], words[name]) for name in SLIDER_NAMES if name in still & turned]
    return Refinement(
        sliders=after,
        changes=tuple(changes),
        notes=tuple(dict.fromkeys(notes)),
        not_understood=not_understood,
        source=SOURCE,
    )


def _compute_position(move: Move, before: float) -> float:
    if move.how in {"keep", "liked"}:
        return before
    if move.how == "set":
        return move.value
    if move.how == "half":
        # On the named side of the middle the position is halved. On the other side half of the way to the other end is gone.
        return before / 2 if before * move.value > 0 else before + (-move.value - before) / 2
    if move.how == "rise":
        return before + (move.value - before) / 2
    if move.how == "double":
        return 2 * before if before * move.value > 0 else before + (move.value - before) / 2
    return before + move.value


def _explain_standstill(move: Move, before: float) -> str:
    label = LABELS[move.slider]
    if move.how == "keep":
        return f"The {label} slider stays at {before:g}, as you asked."
    if move.how == "liked":
        return f"The {label} slider stays at {before:g}, for you like it as it is; “more {label}” or “less {label}” would move it."
    if abs(before) == 1 and move.how != "set":
        return f"The {label} slider is at its {'upper' if before > 0 else 'lower'} end already and cannot go further."
    return f"The {label} slider is at {before:g} already."


def _explain_cancellation(slider: str, position: float, words: str) -> str:
    return f"The {LABELS[slider]} slider stays at {position:g}: what you asked for cancels out ({words})."


def _clip(value: float) -> float:
    return round(min(1.0, max(-1.0, value)), 2) + 0.0
