"""Words for the model: asked tempo, key and metre, denials, unknown words.

What the model does not obey becomes a notice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from resonance.errors import invalid_field
from resonance.v1 import generate_pb2, steering_pb2
from resonance_generate.conditions.vocabulary import tell_unknown_words
from resonance_generate.musical.keys import Key, parse_key
from resonance_generate.musical.prompt_terms import Term, cut_terms, find_terms
from resonance_model.loaded_model import LoadedModel

# Beats per minute by which a told tempo may differ from the asked one without a notice.
_ROUNDING_BPM = 0.5
# What a prompt becomes whose words were all taken out.
_BARE_PROMPT = "music"


@dataclass(slots=True, kw_only=True)
class ModelWords:
    """The texts that the model reads in place of a recipe's prompts, what was asked for, and notices.

    `prompts` are those with a weight above 0. `negative` is what guidance steers away from; empty for nothing.
    """

    prompts: list[tuple[str, float]] = field(default_factory=list)
    negative: str = ""
    asked: generate_pb2.AskedMusic = field(default_factory=generate_pb2.AskedMusic)
    notices: list[str] = field(default_factory=list)

    def tell(self, notice: str) -> None:
        """Adds a notice once."""
        if notice not in self.notices:
            self.notices.append(notice)


class Controls:
    """Puts the tempo, key and negations of recipes into words that one model obeys."""

    def __init__(self, model: LoadedModel) -> None:
        self._model = model
        controls = model.description.controls
        self._tempi_bpm, self._metres = controls.tempi_bpm, controls.metres
        self._follows_keys = controls.follows_keys
        self._keys = tuple(key for key in map(parse_key, controls.keys) if key is not None)

    def fill_in(self, recipe: steering_pb2.Recipe) -> None:
        """Gives the recipe's key its usual name. Raises InvalidInput where it names none."""
        if recipe.key:
            recipe.key = self._key_of(recipe).name

    def translate(self, recipe: steering_pb2.Recipe, taste_words: Sequence[str]) -> ModelWords:
        """The recipe's words for the model. Words of tastes stand behind every prompt, tempo and key of the recipe behind them.

        A recipe without tempo and key, whose prompts name none that the model lacks and deny nothing, keeps its prompts as they are.
        """
        words = ModelWords()
        fields = self._fields_in_words(recipe, words)
        denied: list[str] = []
        for prompt in recipe.prompts:
            if prompt.weight > 0:
                text, more = self._read_prompt(prompt.text, recipe, words)
                denied += more
                words.prompts.append((", ".join([text, *taste_words, *fields]), prompt.weight))
        self._set_negative(recipe, denied, words)
        return words

    def _fields_in_words(self, recipe: steering_pb2.Recipe, words: ModelWords) -> list[str]:
        phrases = []
        if recipe.HasField("bpm"):
            told = self._tell_tempo(recipe.bpm, words)
            phrases.append(f"{told:.0f} bpm" if self._tempi_bpm else f"{told:g} bpm")
        if recipe.key:
            told_key = self._tell_key(self._key_of(recipe), words)
            phrases.append(f"in {told_key.name}" if self._keys else told_key.name)
        return phrases

    def _read_prompt(self, text: str, recipe: steering_pb2.Recipe, words: ModelWords) -> tuple[str, list[str]]:
        """The prompt in the model's words, and what it denies."""
        terms = find_terms(text)
        removed = [term for term in terms if term.denied]
        replaced: list[tuple[int, int, str]] = []
        for term in terms:
            if term.bpm is not None and recipe.HasField("bpm"):
                removed.append(term)
                self._tell_precedence(text, term, f"bpm {recipe.bpm:g}", term.bpm == recipe.bpm, words)
            elif term.key is not None and recipe.key:
                removed.append(term)
                self._tell_precedence(text, term, f"key {recipe.key}", term.key == self._key_of(recipe), words)
            elif term.bpm is not None:
                replaced += self._replace_tempo(term, words)
            elif term.key is not None:
                replaced += self._replace_key(term, words)
            elif term.metre:
                self._tell_metre(term.metre, words)
        tell_unknown_words(self._model, text, [(term.start, term.end) for term in terms], words.notices)
        denied = [what for term in terms for what in term.denied]
        return _rewrite(text, removed, replaced) or _BARE_PROMPT, denied

    def _replace_tempo(self, term: Term, words: ModelWords) -> Iterator[tuple[int, int, str]]:
        assert term.bpm is not None
        told = self._tell_tempo(term.bpm, words)
        if self._tempi_bpm:
            yield term.number_start, term.number_end, f"{told:.0f}"

    def _replace_key(self, term: Term, words: ModelWords) -> Iterator[tuple[int, int, str]]:
        assert term.key is not None
        told = self._tell_key(term.key, words)
        if told != term.key:
            yield term.start, term.end, told.name

    def _tell_tempo(self, bpm: float, words: ModelWords) -> float:
        """The tempo that the model is told."""
        told = min(self._tempi_bpm, key=lambda known: max(known / bpm, bpm / known), default=bpm)
        if not words.asked.HasField("bpm"):
            words.asked.bpm, words.asked.told_bpm = bpm, told
        if abs(told - bpm) > _ROUNDING_BPM:
            known = _list_up([f"{tempo:g}" for tempo in self._tempi_bpm])
            words.tell(f"asked for {bpm:g} bpm; this model plays about {told:.0f} bpm (it knows {known})")
        return told

    def _tell_key(self, key: Key, words: ModelWords) -> Key:
        """The key that the model is told."""
        told = key.nearest(self._keys) if self._keys else key
        if not words.asked.key:
            words.asked.key, words.asked.told_key = key.name, told.name
        if not self._follows_keys:
            words.tell(f"asked for {key.name}; this model was told {told.name}, but follows no key reliably")
        elif told != key:
            known = _list_up([known.name for known in self._keys])
            words.tell(f"asked for {key.name}; this model plays in {told.name} (it knows {known})")
        return told

    def _tell_metre(self, metre: str, words: ModelWords) -> None:
        words.asked.metre = words.asked.metre or metre
        if self._metres and metre not in self._metres:
            words.tell(f"asked for {metre}; this model plays in {_list_up(self._metres)} alone")

    def _tell_precedence(self, text: str, term: Term, winner: str, is_same: bool, words: ModelWords) -> None:
        if not is_same:
            words.tell(f"{winner} takes precedence over {text[term.start : term.end]!r} in the prompt")

    def _set_negative(self, recipe: steering_pb2.Recipe, denied: list[str], words: ModelWords) -> None:
        """Steers away from what is denied, where the model can."""
        wanted = [recipe.negative_prompt.strip(), *dict.fromkeys(denied)]
        negative = ", ".join(filter(None, wanted))
        if not negative:
            return
        if not self._model.decoder.can_steer_away:
            words.tell(f"this model cannot steer away from anything: {negative!r} has no effect")
        elif recipe.guidance_scale == 1.0:
            words.tell(f"nothing is steered away from at guidance_scale 1: {negative!r} has no effect")
        elif tell_unknown_words(self._model, negative, [], words.notices):
            words.negative = negative
            if denied:
                said = _list_up([repr(what) for what in dict.fromkeys(denied)])
                words.tell(f"taken out of the prompt and steered away from: {said}")

    def _key_of(self, recipe: steering_pb2.Recipe) -> Key:
        key = parse_key(recipe.key)
        if key is None:
            raise invalid_field("recipe.key", "MALFORMED", f"{recipe.key!r} names no key: write C major or F# minor")
        return key


def _rewrite(text: str, removed: Iterable[Term], replaced: Iterable[tuple[int, int, str]]) -> str:
    """The text without the removed terms and with the replaced stretches."""
    for start, end, new in sorted(replaced, reverse=True):
        text = text[:start] + new + text[end:]
        removed = [_shifted(term, len(new) - (end - start)) if term.start >= end else term for term in removed]
    return cut_terms(text, removed)


def _shifted(term: Term, by: int) -> Term:
    return Term(start=term.start + by, end=term.end + by, denied=term.denied)


def _list_up(items: Sequence[str]) -> str:
    """`a, b and c`."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"
