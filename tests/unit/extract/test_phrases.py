"""Concepts of phrases on a real tiny model: reuse, unknown words, limits, calibration in the background."""

from __future__ import annotations

import asyncio

import pytest
from support.extracting import Bench

from resonance.errors import Conflict, InvalidInput, NotFound, Overloaded
from resonance.store.keys import phrase_list_key
from resonance.v1 import extract_pb2
from resonance.wishes.grammar import read_open
from resonance_extract.calibration.background import BackgroundCalibration
from resonance_extract.concepts import phrases as phrases_module
from resonance_extract.concepts.phrase_list import PhraseList
from resonance_extract.concepts.phrases import PhraseConcepts, choose_prompts, phrase_name
from resonance_extract.refining.phrase_refiner import PhraseRefiner
from resonance_extract.refining.refiner import Refiner, Wish, WishReader

TAKE_S = 0.2


@pytest.fixture
def reading(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tiny model's random weights react to no word more than to another, so that here each counts as known."""
    monkeypatch.setattr(phrases_module, "REACTION_MIN", 0.0)


def phrases_of(bench: Bench, **options: int) -> PhraseConcepts:
    return PhraseConcepts(bench.worker, bench.store, bench.references, bench.concepts, take_s=TAKE_S, **options)


async def names(bench: Bench) -> list[str]:
    return [concept.name for concept in await bench.concepts.all() if concept.phrase]


@pytest.mark.usefixtures("reading")
async def test_the_same_phrase_and_prompt_are_computed_once(bench: Bench) -> None:
    phrases = phrases_of(bench)
    found = await phrases.find("faster", "Calm  piano")
    assert (found.concept.phrase, found.concept.prompt) == ("fast", "calm piano"), (
        "the base form, and the prompt in hand"
    )
    assert found.concept.name == phrase_name("fast", "calm piano")
    assert found.concept.pairs[0].positive == "fast calm piano"
    assert found.concept.pairs[0].negative == "calm piano"
    assert found.concept.natural_strength > 0
    again = await phrases_of(bench).find("fast", "calm piano")
    assert again.concept == found.concept, "another process reads what is stored"
    other = await phrases.find("fast", "loud drums")
    assert other.concept.name != found.concept.name
    held = await phrases.find("faster", "loud drums", held=[found.concept.name])
    assert held.concept == found.concept, "a slider that is there is moved, whatever the prompt became"


@pytest.mark.usefixtures("reading")
async def test_a_direction_does_not_depend_on_the_phrases_read_before(bench: Bench) -> None:
    first = await phrases_of(bench).find("fast", "calm piano")
    await bench.concepts.delete(first.concept.name)
    phrases = phrases_of(bench)
    await phrases.find("slow", "loud drums")
    assert (await phrases.find("fast", "calm piano")).concept.vector_sha256 == first.concept.vector_sha256


async def test_unknown_words_are_refused_and_words_spelt_alike_are_offered(bench: Bench) -> None:
    with pytest.raises(InvalidInput) as caught:
        await phrases_of(bench).find("pianno", "jazz")
    assert caught.value.reason == "PHRASE_UNKNOWN"
    assert caught.value.violations[0].field == "text"
    assert caught.value.message.endswith("no such word; words that it knows and that are spelt alike: piano")
    with pytest.raises(InvalidInput, match=r"“purple” and “elephants”: its text encoder has no such words$"):
        await phrases_of(bench).find("purple elephants", "jazz")
    with pytest.raises(InvalidInput, match="does not know “zither”"):
        await phrases_of(bench).find("the zither in", "jazz")
    assert not await names(bench)


async def test_words_to_which_the_model_does_not_react_are_refused_with_the_figure(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(phrases_module, "REACTION_MIN", 1e9)
    for _ in range(2):  # computed, then from the store
        with pytest.raises(InvalidInput, match="times as far as meaningless words do") as caught:
            await phrases_of(bench).find("fast", "calm piano")
        assert caught.value.reason == "PHRASE_UNKNOWN"
    assert not await names(bench), "a refused phrase is no concept"


@pytest.mark.usefixtures("reading")
async def test_a_concept_of_that_name_is_used_and_a_slider_of_that_name_is_not(bench: Bench) -> None:
    mine = extract_pb2.Concept(name="rainy_night", ready=True)
    await bench.concepts.save(mine)
    assert (await phrases_of(bench).find("rainy night", "jazz")).concept == mine


@pytest.mark.usefixtures("reading")
async def test_the_least_recently_used_phrase_falls_out(bench: Bench) -> None:
    phrases = phrases_of(bench, kept_max=2)
    first, second = [(await phrases.find(phrase, "")).concept for phrase in ("fast", "slow")]
    await phrases.held([first.name])
    third = (await phrases.find("calm", "")).concept
    assert set(await names(bench)) == {first.name, third.name}
    with pytest.raises(NotFound):
        await bench.concepts.get(second.name)


async def test_the_list_of_phrases_survives_races_and_damage(bench: Bench) -> None:
    listed = [PhraseList(bench.store, model_digest=bench.digest, kept_max=5) for _ in range(4)]
    gone = await asyncio.gather(*(one.use([f"p{index}"]) for index, one in enumerate(listed)))
    assert not any(gone)
    assert sorted(await listed[0].names()) == ["p0", "p1", "p2", "p3"]
    assert await listed[0].use(["p9"], held=["p0", "stranger"]) == []
    assert (await listed[0].names())[-2:] == ["p0", "p9"]
    with pytest.raises(Conflict):
        await bench.store.create(phrase_list_key(bench.digest), b"[]")


@pytest.mark.usefixtures("reading")
async def test_too_many_waiting_callers_are_told_to_come_back(bench: Bench) -> None:
    phrases = phrases_of(bench)
    prompts = [f"{word} drums" for word in ("calm", "fast", "slow", "loud", "quiet", "high", "low", "deep", "a", "the")]
    found = await asyncio.gather(*(phrases.find("piano", prompt) for prompt in prompts), return_exceptions=True)
    refused = [one for one in found if isinstance(one, Overloaded)]
    assert len(refused) == len(prompts) - phrases_module.WAITING_MAX
    assert refused[0].retry_after_s


def test_a_prompt_that_says_the_phrase_is_no_pair() -> None:
    assert choose_prompts("piano", ["calm piano", "piano", "drums", "drums", ""]) == ["drums"]


@pytest.mark.usefixtures("reading")
async def test_a_wish_moves_sliders_and_phrases_and_says_what_it_does_not_know(bench: Bench) -> None:
    uncalibrated: list[str] = []
    refiner = Refiner(WishReader(None), PhraseRefiner(phrases_of(bench), on_uncalibrated=uncalibrated.append))
    first = await refiner.refine(
        Wish(text="more bass, a bit more like the deep zither", sliders={}, prompt="calm piano")
    )
    found = first.refinement
    assert found.sliders["bass_resonance"] == 0.3
    ((name, position),) = found.concepts.items()
    assert (position, found.labels[name], found.unknown_words) == (0.15, "deep", ("zither",))
    assert "deep from 0 to 0.15" in found.explanation
    assert "does not know “zither”; it goes by “deep”" in found.explanation
    assert uncalibrated == [name]
    second = (await refiner.refine(Wish(text="less like the deep", sliders={}, concepts=found.concepts))).refinement
    assert second.concepts == {name: -0.15}
    mixed = (await refiner.refine(Wish(text="more bass, more banjo", sliders={}))).refinement
    assert mixed.sliders["bass_resonance"] == 0.3
    assert "Nothing was done about “banjo”: the model does not know" in mixed.explanation
    with pytest.raises(InvalidInput, match="does not know “banjo”"):
        await refiner.refine(Wish(text="more banjo", sliders={}))
    gone = (await refiner.refine(Wish(text="faster", sliders={}, concepts={"phrase-gone": 0.5}))).refinement
    assert not gone.concepts
    assert "phrase-gone is not here any more" in gone.explanation


async def test_undo_and_reset_move_concepts_too() -> None:
    now, before = {"energy": 0.3}, {"energy": 0.0}
    undone = read_open("undo", now, before, concepts={"a": 0.5, "b": 0.2}, previous_concepts={"b": 0.1}).refinement
    assert (undone.sliders["energy"], undone.concepts) == (0.0, {"a": 0.0, "b": 0.1})
    reset = read_open("reset", {}, None, concepts={"a": 0.5}).refinement
    assert reset.concepts == {"a": 0.0}
    assert not reset.notes, "the sliders did not move, but the concept did"
    more = read_open("more of that", now, before, concepts={"a": 0.3}, previous_concepts={"a": 0.1}).refinement
    assert more.concepts == {"a": 0.5}


async def test_a_new_concepts_usual_calibration_starts_in_the_background(bench: Bench) -> None:
    jobs = bench.calibration_jobs()
    background = BackgroundCalibration(jobs, pause_s=0.0)
    background.add("none")  # such a concept is not there: nothing is raised, and the next one has its turn
    background.add("rush")
    background.add("rush")  # it waits already
    async with asyncio.timeout(60):
        while not (keys := [key async for key in bench.store.keys("calibration_jobs/")]):
            await asyncio.sleep(0.02)
    await background.close()
    await bench.end(jobs)
    (key,) = keys
    job = await jobs.get(key.removeprefix("calibration_jobs/").removesuffix(".json"))
    assert (job.concept, job.kind) == ("rush", extract_pb2.CALIBRATION_JOB_KIND_RANGE)
    assert job.progress.total > 40, "all strengths and prompts of the usual calibration"
