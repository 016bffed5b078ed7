"""Terms in prompts: tempi, keys, metres, denials, and what is none."""

from __future__ import annotations

import pytest

from resonance_generate.musical.keys import Key, parse_key
from resonance_generate.musical.prompt_terms import cut_terms, find_terms


@pytest.mark.parametrize(
    ("prompt", "bpm"),
    [
        ("rock 93 bpm", 93.0),
        ("techno at 140BPM", 140.0),
        ("tempo: 90, jazz", 90.0),
        ("house, 120-130 bpm", 125.0),
        ("drum and bass, 174 beats per minute", 174.0),
        ("92.5 bpm beat", 92.5),
    ],
)
def test_a_tempo_is_found(prompt: str, bpm: float) -> None:
    assert [term.bpm for term in find_terms(prompt)] == [bpm]


@pytest.mark.parametrize(
    ("prompt", "name"),
    [
        ("piano in the key of F sharp minor", "F# minor"),
        ("piano, A minor", "A minor"),
        ("song in a minor", "A minor"),
        ("strings in Bb major", "Bb major"),
        ("ballad in Dm", "D minor"),
        ("jazz in the key of D", "D major"),
        ("C-sharp minor waltz", "C# minor"),
        ("a flat major march", "Ab major"),
    ],
)
def test_a_key_is_found(prompt: str, name: str) -> None:
    assert [term.key.name for term in find_terms(prompt) if term.key] == [name]


@pytest.mark.parametrize(
    ("prompt", "metre"), [("waltz", "3/4"), ("6/8 ballad", "6/8"), ("odd time signature", "an odd metre")]
)
def test_a_metre_is_found(prompt: str, metre: str) -> None:
    assert [term.metre for term in find_terms(prompt)] == [metre]


@pytest.mark.parametrize(
    ("prompt", "left", "denied"),
    [
        ("piano without drums", "piano", ("drums",)),
        ("no drums, piano", "piano", ("drums",)),
        ("piano, no vocals and no drums", "piano", ("vocals", "drums")),
        ("piano without drums and bass", "piano", ("drums", "bass")),
        ("rock without any drums or bass, fast", "rock, fast", ("drums", "bass")),
        ("no drums and a soft piano", "a soft piano", ("drums",)),
        ("calm piano, not too fast", "calm piano", ("fast",)),
        ("drumless jazz", "jazz", ("drums",)),
        ("vocal-free pop", "pop", ("vocal",)),
        ("don't use drums, piano", "piano", ("drums",)),
        ("piano w/o drums", "piano", ("drums",)),
    ],
)
def test_denied_words_are_found_and_taken_out(prompt: str, left: str, denied: tuple[str, ...]) -> None:
    terms = find_terms(prompt)
    assert tuple(what for term in terms for what in term.denied) == denied
    assert cut_terms(prompt, terms) == left


@pytest.mark.parametrize(
    "prompt",
    [
        "give me a minor key song",
        "A minor piece",
        "a major hit",
        "no wave band",
        "symphony no. 5",
        "only piano, nothing else",
        "80s synthwave, 808 drums",
        "music not just for dancing",
        "royalty free music",
        "seamless, timeless piano",
        "top 100 hits",
    ],
)
def test_these_name_and_deny_nothing(prompt: str) -> None:
    assert find_terms(prompt) == []


def test_terms_stand_apart_and_keep_their_order() -> None:
    prompt = "Waltz 3/4 at 100 bpm in F# minor without drums"
    terms = find_terms(prompt)
    assert [prompt[term.start : term.end] for term in terms] == ["Waltz", "3/4", "100 bpm", "F# minor", "without drums"]


@pytest.mark.parametrize("tonic", range(12))
@pytest.mark.parametrize("is_minor", [False, True])
def test_a_keys_name_is_read_back(tonic: int, is_minor: bool) -> None:
    key = Key(tonic, is_minor)
    assert parse_key(key.name) == key
    assert key.relative.relative == key


def test_the_nearest_key_keeps_the_mode_and_shares_most_notes() -> None:
    known = [key for key in map(parse_key, ("C major", "F major", "G major", "A minor", "D minor", "E minor")) if key]

    def nearest(name: str) -> str:
        key = parse_key(name)
        assert key is not None
        return key.nearest(known).name

    assert [nearest(name) for name in ("C major", "D major", "F# minor", "G minor", "Bb major")] == [
        "C major",
        "G major",
        "E minor",
        "D minor",
        "F major",
    ]
    assert parse_key("H major") is None
