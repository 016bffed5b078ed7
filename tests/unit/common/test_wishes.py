"""Wish grammar: phrasings, wishes without effect, refused wishes."""

from __future__ import annotations

import pytest

from resonance.errors import InvalidInput
from resonance.steering.sliders import SLIDER_NAMES
from resonance.wishes.grammar import read_open, refine
from resonance.wishes.phrases import base_forms, phrase_of

NOW = {"bass_resonance": 0.4, "emotional_tension": 0.2}
BEFORE = {"energy": 0.5}
E, T, B, H, D, V, M = SLIDER_NAMES

# The words, and the positions that they move to from bass 0.4 and tension 0.2.
PHRASINGS: list[tuple[str, dict[str, float]]] = [
    ("more bass", {B: 0.7}),
    ("less bass", {B: 0.1}),
    ("a touch more bass", {B: 0.5}),
    ("a bit more bass", {B: 0.55}),
    ("slightly more bass", {B: 0.55}),
    ("a lot more bass", {B: 1.0}),
    ("way more bass", {B: 1.0}),
    ("half the bass", {B: 0.2}),
    ("double the bass", {B: 0.8}),
    ("max bass", {B: 1.0}),
    ("no bass", {B: -1.0}),
    ("turn up the bass", {B: 0.7}),
    ("turn the bass down", {B: 0.1}),
    ("too much bass", {B: 0.1}),
    ("not enough bass", {B: 0.7}),
    ("not so much bass", {B: 0.1}),
    ("heavier bass", {B: 0.7}),
    ("deeper bass", {B: 0.7}),
    ("drop the bass", {B: 0.1}),
    ("bass up", {B: 0.7}),
    ("bass to 0.8", {B: 0.8}),
    ("raise the bass by 0.2", {B: 0.6}),
    ("reset the bass", {B: 0.0}),
    ("bass", {B: 0.7}),
    ("not so tense", {M: -0.1}),
    ("not tense enough", {M: 0.5}),
    ("way less tense", {M: -0.4}),
    ("a tiny bit more tension", {M: 0.3}),
    ("+0.2 tension", {M: 0.4}),
    ("half as tense", {M: 0.1}),
    ("a lot happier", {M: -0.4}),
    ("much darker", {M: 0.8}),
    ("brighter", {M: -0.1}),
    ("faster", {T: 0.3}),
    ("slower", {T: -0.3}),
    ("could you make it a little slower?", {T: -0.15}),
    ("too fast", {T: -0.3}),
    ("not too fast", {T: -0.15}),
    ("it's a bit too slow", {T: 0.15}),
    ("slow down", {T: -0.3}),
    ("speed it up", {T: 0.3}),
    ("twice as fast", {T: 0.5}),
    ("set the tempo to -50%", {T: -0.5}),
    ("calmer", {E: -0.3}),
    ("super calm", {E: -0.8}),
    ("as calm as possible", {E: -1.0}),
    ("make it more energetic please", {E: 0.3}),
    ("20% more energy", {E: 0.2}),
    ("much too loud", {E: -0.6}),
    ("louder", {E: 0.3}),
    ("turn it down a bit", {E: -0.15}),
    ("I want a lot more drums", {E: 0.6}),
    ("no vocals", {V: -1.0}),
    ("without singing", {V: -1.0}),
    ("remove the vocals", {V: -1.0}),
    ("get rid of the choir", {V: -1.0}),
    ("louder vocals", {V: 0.3}),
    ("the vocals are too loud", {V: -0.3}),
    ("more instrumental", {V: -0.3}),
    ("I don't like the vocals", {V: -0.3}),
    ("can we have more voice", {V: 0.3}),
    ("fewer instruments", {D: -0.3}),
    ("not so many instruments", {D: -0.3}),
    ("less busy", {D: -0.3}),
    ("strip it down", {D: -0.3}),
    ("richer chords", {H: 0.3}),
    ("simpler harmony", {H: -0.3}),
    ("much more complex chords", {H: 0.6}),
    ("more bass, less tense", {B: 0.7, M: -0.1}),
    ("a bit more bass, slower", {B: 0.55, T: -0.3}),
    ("more bass and drums", {B: 0.7, E: 0.3}),
    ("make the bass and the energy lower", {B: 0.1, E: -0.3}),
    ("slower and calmer", {T: -0.3, E: -0.3}),
    ("energy up, tension down", {E: 0.3, M: -0.1}),
    ("much darker but not faster", {M: 0.8}),
    ("dense and dark", {D: 0.3, M: 0.5}),
    ("undo", {E: 0.5, B: 0.0, M: 0.0}),
    ("back to before", {E: 0.5, B: 0.0, M: 0.0}),
    ("Go back, please", {E: 0.5, B: 0.0, M: 0.0}),
    ("as it was before", {E: 0.5, B: 0.0, M: 0.0}),
    ("start over", {B: 0.0, M: 0.0}),
    ("reset everything", {B: 0.0, M: 0.0}),
    ("more of that", {E: -0.5, B: 0.8, M: 0.4}),
    ("that's too much", {E: 0.25, B: 0.2, M: 0.1}),
]


# Words that a rule for single words reads the wrong way round, and the positions that they move to from all sliders in the middle.
FROM_THE_MIDDLE: list[tuple[str, dict[str, float]]] = [
    # verbs whose particle stands apart
    ("slow it way down", {T: -0.6}),
    ("slow things down a lot", {T: -0.6}),
    ("slow it all the way down", {T: -1.0}),
    ("speed it way up", {T: 0.6}),
    ("calm it way down", {E: -0.6}),
    ("turn it way down", {E: -0.6}),
    ("dial the bass way back", {B: -0.6}),
    ("pull the drums back a bit", {E: -0.15}),
    ("bring the bass up a bit", {B: 0.15}),
    ("bring the tempo way down", {T: -0.6}),
    ("turn the drums down", {E: -0.3}),
    ("take the vocals out", {V: -1.0}),
    ("turn the singing off", {V: -1.0}),
    ("ease the tension off", {M: -0.3}),
    # halves and doubles
    ("reduce bass by half", {B: -0.5}),
    ("cut the vocals in half", {V: -0.5}),
    ("half as dense", {D: -0.5}),
    ("halve the tension", {M: -0.5}),
    ("half as slow", {T: 0.5}),
    ("raise the energy by half", {E: 0.5}),
    ("double the bass", {B: 0.5}),
    ("twice as calm", {E: -0.5}),
    # ends, numbers and nothing
    ("as little bass as possible", {B: -1.0}),
    ("as few instruments as possible", {D: -1.0}),
    ("as much bass as possible", {B: 1.0}),
    ("as slow as possible", {T: -1.0}),
    ("turn the bass down to the minimum", {B: -1.0}),
    ("turn the energy all the way down", {E: -1.0}),
    ("zero vocals", {V: -1.0}),
    ("lose the vocals", {V: -1.0}),
    ("stop the singing", {V: -1.0}),
    ("without singing", {V: -1.0}),
    ("vocals off", {V: -1.0}),
    ("no drums or vocals", {E: -1.0, V: -1.0}),
    ("hardly any bass", {B: -0.8}),
    ("almost no vocals", {V: -0.8}),
    ("next to no drums", {E: -0.8}),
    ("remove some of the bass", {B: -0.3}),
    ("lose a bit of the bass", {B: -0.15}),
    ("little bass", {B: -0.3}),
    ("a little bass", {B: 0.15}),
    ("few instruments", {D: -0.3}),
    ("only a few instruments", {D: -0.3}),
    # too, enough and not
    ("the energy is too low", {E: 0.3}),
    ("the tempo is too high", {T: -0.3}),
    ("the vocals are too quiet", {V: 0.3}),
    ("the bass is not loud enough", {B: 0.3}),
    ("too fast", {T: -0.3}),
    ("too slow", {T: 0.3}),
    ("too loud", {E: -0.3}),
    ("too little bass", {B: 0.3}),
    ("not as fast", {T: -0.3}),
    ("not as slow", {T: 0.3}),
    ("not too much bass", {B: -0.15}),
    ("anything but tense", {M: -0.3}),
    ("without too much bass", {B: -0.15}),
    ("the vocals need to go", {V: -1.0}),
    ("quiet it down", {E: -0.3}),
    ("stop being so tense", {M: -0.3}),
    ("hardly tense", {M: -0.3}),
    ("I can't hear the bass", {B: 0.3}),
    ("I don't hear the bass", {B: 0.3}),
    ("the vocals are hardly there", {V: 0.3}),
    ("the bass should not be so loud", {B: -0.3}),
    ("the tempo is not that high", {T: -0.3}),
    ("not so loud", {E: -0.3}),
    ("no loud vocals", {V: -0.3}),
    ("nowhere near as fast", {T: -0.3}),
    ("push the vocals back", {V: -0.3}),
    ("let up on the drums", {E: -0.3}),
    ("energy minus 0.2", {E: -0.2}),
    ("energy plus 0.2", {E: 0.2}),
    ("I no longer want vocals", {V: -0.3}),
    ("I hate the drums", {E: -0.3}),
    # each wish moves its own sliders and no other
    ("more energy without more bass", {E: 0.3}),
    ("more bass without losing the vocals", {B: 0.3}),
    ("faster without getting louder", {T: 0.3}),
    ("energetic without vocals", {E: 0.3, V: -1.0}),
    ("keep the tempo but less bass", {B: -0.3}),
    ("keep the tempo less bass", {B: -0.3}),
    ("more bass less drums", {B: 0.3, E: -0.3}),
    ("bass up drums down", {B: 0.3, E: -0.3}),
    ("less bass with drums", {B: -0.3, E: 0.3}),
    ("more bass instead of drums", {B: 0.3, E: -0.3}),
    ("more bass than drums", {B: 0.3}),
    ("more bass than I'd like", {B: -0.3}),
    ("it's faster than I wanted", {T: -0.3}),
    ("there is less bass than I like", {B: 0.3}),
    ("no more bass than now", {}),
    ("more bass than before", {B: 0.3}),
    ("bass to 0.5 drums to -0.2", {B: 0.5, E: -0.2}),
]


@pytest.mark.parametrize(("text", "expected"), PHRASINGS, ids=[text for text, _ in PHRASINGS])
def test_words_move_the_sliders_that_they_name(text: str, expected: dict[str, float]) -> None:
    found = refine(text, NOW, BEFORE)
    assert {change.slider: change.after for change in found.changes} == expected
    for change in found.changes:
        assert f"from {change.before:g} to {change.after:g}" in found.explanation
        assert found.sliders[change.slider] == change.after


@pytest.mark.parametrize(("text", "expected"), FROM_THE_MIDDLE, ids=[text for text, _ in FROM_THE_MIDDLE])
def test_no_word_turns_a_wish_the_other_way_round(text: str, expected: dict[str, float]) -> None:
    assert {change.slider: change.after for change in refine(text, {}).changes} == expected


def test_there_are_at_least_sixty_phrasings() -> None:
    assert len({text for text, _ in PHRASINGS + FROM_THE_MIDDLE}) >= 60


@pytest.mark.parametrize("text", ["tension at zero", "energy to zero", "set the bass to 0"])
def test_zero_as_a_position_is_the_middle(text: str) -> None:
    (change,) = refine(text, dict.fromkeys(SLIDER_NAMES, 0.7)).changes
    assert change.after == 0.0


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("keep the tempo", "tempo slider stays at 0"),
        ("don't change the bass", "bass slider stays at 0.4"),
        ("don't add bass", "bass slider stays at 0.4"),
        ("not more tense", "tension slider stays at 0.2"),
        ("bass to 0.4", "at 0.4 already"),
        ("don't remove the bass", "bass slider stays at 0.4"),
        ("don't set the bass to 0.9", "bass slider stays at 0.4"),
        ("without more bass", "bass slider stays at 0.4"),
        ("without changing the tempo", "tempo slider stays at 0"),
        ("no louder", "energy slider stays at 0"),
        ("don't slow it down", "tempo slider stays at 0"),
        ("not without bass", "bass slider stays at 0.4"),
        ("that's enough bass", "bass slider stays at 0.4"),
    ],
)
def test_where_nothing_moves_the_reason_is_given(text: str, reason: str) -> None:
    found = refine(text, NOW)
    assert not found.changes
    assert reason in found.explanation


@pytest.mark.parametrize(
    ("text", "liked"),
    [
        *(("I like the bass", "bass"), ("I really like the drums", "energy"), ("I love the loud vocals", "voices")),
        *(("the bass is great", "bass"), ("I like how calm it is", "energy"), ("I enjoy the vocals", "voices")),
        *(("I like fast music", "tempo"), ("I love the bass so much", "bass"), ("I like it without drums", "energy")),
    ],
)
def test_praise_of_what_is_there_is_no_wish_for_more_of_it(text: str, liked: str) -> None:
    found = refine(text, NOW)
    assert not found.changes
    assert f"The {liked} slider stays at" in found.explanation
    assert f"“more {liked}” or “less {liked}” would move it" in found.explanation


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I'd like more bass", {B: 0.3}),
        ("I'd like the bass", {B: 0.3}),
        ("I would love some bass", {B: 0.3}),
        ("a choir would be great", {V: 0.3}),
        ("more bass would be good", {B: 0.3}),
        ("okay more bass", {B: 0.3}),
        ("I like it calmer", {E: -0.3}),
        ("I'd like it without drums", {E: -1.0}),
        ("I don't like the bass", {B: -0.3}),
        ("make it sound like a choir", {V: 0.3}),
        ("I love how calm it is, but more bass", {B: 0.3}),
        ("I like the drums but less bass", {B: -0.3}),
        ("I love it, but slower", {T: -0.3}),
    ],
)
def test_a_wish_beside_praise_or_in_its_words_is_a_wish(text: str, expected: dict[str, float]) -> None:
    found = refine(text, {})
    assert {change.slider: change.after for change in found.changes} == expected
    assert not found.not_understood


def test_wishes_that_cancel_each_other_out_are_explained() -> None:
    found = refine("more bass, less bass", NOW)
    assert not found.changes
    assert found.explanation == "The bass slider stays at 0.4: what you asked for cancels out (more bass; less bass)."


def test_an_end_is_explained_and_not_passed() -> None:
    found = refine("more bass", {"bass_resonance": 1.0})
    assert not found.changes
    assert "upper end" in found.explanation


@pytest.mark.parametrize(
    "text",
    [
        *("purple elephants", "more banjo", "more", "tempo 120", "please", "!?", "hello there"),
        *("less is more", "turn the guitar down", "turn the guitars way down", "without banjo", "half", "not the same"),
        *("purple bass", "discombobulate the singing", "the bass is really flabby", "nothing but bass", "half of it"),
        *("not the same bass", "less bass drums up", "than the bass"),
        *("nothing slow", "bring the bass back", "raise the bass away"),
        *("more or less bass", "never mind the bass", "don't ruin the calm", "the bass is not great", "I love it"),
    ],
)
def test_words_without_a_meaning_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        refine(text, NOW)
    assert caught.value.reason == "NOT_UNDERSTOOD"
    assert caught.value.violations[0].field == "text"


def test_going_back_from_nowhere_is_refused_by_name() -> None:
    with pytest.raises(InvalidInput) as caught:
        refine("undo", NOW)
    assert caught.value.reason == "NOTHING_TO_UNDO"


def test_words_not_understood_are_reported_beside_the_others() -> None:
    found = refine("more bass with banjo", NOW)
    assert found.not_understood == ("banjo",)
    assert "banjo" in found.explanation


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("more energy, purple bass", "purple bass"),
        ("more energy and discombobulate the singing", "discombobulate the singing"),
        ("more energy, much less", "much less"),
        ("turn the guitar down, more energy", "turn the guitar down"),
        ("more energy than bass", "than bass"),
        ("energetic bass", "bass"),
        ("more energy, but not at the cost of bass", "not at the cost of bass"),
    ],
)
def test_a_part_without_a_meaning_is_reported_and_moves_nothing(text: str, part: str) -> None:
    found = refine(text, {})
    assert [change.slider for change in found.changes] == ["energy"]
    assert part in found.not_understood
    assert part in found.explanation


@pytest.mark.parametrize("words", [("more", "less"), ("louder", "quieter"), ("increase", "decrease")])
def test_opposite_words_move_opposite_ways(words: tuple[str, str]) -> None:
    for target in ("bass", "energy", "tempo", "chords", "instruments", "vocals", "tension"):
        up, down = (refine(f"{word} {target}", {}).changes for word in words)
        assert len(up) == len(down) == 1
        assert up[0].after == -down[0].after > 0


def test_moves_that_cancel_each_other_out_are_explained_beside_the_others() -> None:
    found = refine("make it faster and slower", {})
    assert found.changes == ()
    assert "cancels out" in found.explanation
    found = refine("more bass, faster, slower", {})
    assert [change.slider for change in found.changes] == ["bass_resonance"]
    assert "tempo" in found.explanation
    assert "cancels out" in found.explanation


# The words, and what they do to phrases: the phrase, how it moves, and by how much.
PHRASES: list[tuple[str, dict[str, tuple[str, float]]]] = [
    ("dreamier", {"dreamier": ("shift", 0.3)}),
    ("more rainy", {"rainy": ("shift", 0.3)}),
    ("a bit less jazzlike", {"jazzlike": ("shift", -0.15)}),
    ("like a rainy night", {"rainy night": ("shift", 0.3)}),
    ("make it sound like a church organ", {"church organ": ("shift", 0.3)}),
    ("much more like a calm lake", {"calm lake": ("shift", 0.6)}),
    ("make it less like a machine", {"machine": ("shift", -0.3)}),
    ("slower and dreamier", {"dreamier": ("shift", 0.3)}),
    ("less bass and dreamier", {"dreamier": ("shift", 0.3)}),
    ("less bass and rain", {"rain": ("shift", -0.3)}),
    ("too dreamy", {"dreamy": ("shift", -0.3)}),
    ("not so dreamy", {"dreamy": ("shift", -0.3)}),
    ("no saxophone", {"saxophone": ("set", -1.0)}),
    ("half as dreamy", {"dreamy": ("half", 1.0)}),
    ("dreamy to 0.5", {"dreamy": ("set", 0.5)}),
    ("more saxophone and rain", {"saxophone": ("shift", 0.3), "rain": ("shift", 0.3)}),
    ("más lluvia", {"más lluvia": ("shift", 0.3)}),
    ("I'd like a bit more bass", {}),
    ("I really like the drums", {}),
    ("a bit less jazzy", {}),
    ("sleepier", {}),
]


@pytest.mark.parametrize(("text", "expected"), PHRASES, ids=[text for text, _ in PHRASES])
def test_words_that_no_slider_means_are_phrases(text: str, expected: dict[str, tuple[str, float]]) -> None:
    moves = read_open(text, NOW, concepts={}).phrase_moves
    assert {phrase_of(move.slider): (move.how, move.value) for move in moves} == expected


@pytest.mark.parametrize("text", ["don't ruin the bass", "purple bass", "keep the rain", "nothing dreamy", "!?"])
def test_words_that_may_mean_the_opposite_are_no_phrase(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_open(text, NOW, concepts={})
    assert caught.value.reason == "NOT_UNDERSTOOD"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("like a " + "long " * 9 + "night", "PHRASE_TOO_LONG"),
        ("more " + "x" * 61, "PHRASE_TOO_LONG"),
        ("add rain, thunder, wind and snow", "TOO_MANY_PHRASES"),
    ],
)
def test_phrases_have_limits(text: str, reason: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_open(text, NOW, concepts={})
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("word", "base"),
    [("dreamier", "dreamy"), ("bigger", "big"), ("wider", "wide"), ("smoother", "smooth"), ("duller", "dull")],
)
def test_a_comparative_may_come_from_its_base_form(word: str, base: str) -> None:
    assert base in base_forms(word)


def test_a_noun_is_no_comparative() -> None:
    assert not base_forms("soldier")
    assert not base_forms("organ")
