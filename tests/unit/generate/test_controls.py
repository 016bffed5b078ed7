"""Recipes in words that a model obeys: tempo, key, metre, denials, unknown words."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.checkpoints import TINY_MELODY, make_checkpoint

from resonance.errors import InvalidInput
from resonance.settings import Settings
from resonance.store import MemoryStore
from resonance.v1 import generate_pb2, steering_pb2
from resonance_generate.conditions.recipes import RecipeResolver, ResolvedRecipe
from resonance_generate.conditions.vectors import Vectors
from resonance_model.config import MusicalControls
from resonance_model.loaded_model import LoadedModel
from resonance_model.loaders.transformers import load_transformers
from resonance_model.model_info import to_model_info

LISTED = MusicalControls(
    tempi_bpm=(62.5, 75.0, 93.75, 125.0), keys=("C major", "G major", "A minor", "E minor"), metres=("4/4",)
)


async def resolve(model: LoadedModel, prompt: str, **fields: object) -> ResolvedRecipe:
    resolver = RecipeResolver(model, Vectors(MemoryStore(), model_digest=model.description.digest, item_max=1))
    prompts = [steering_pb2.WeightedPrompt(text=prompt)]
    return await resolver.resolve(steering_pb2.Recipe(prompts=prompts, **fields))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def listed(tiny: LoadedModel) -> LoadedModel:
    """The tiny model with a card that lists what it plays."""
    return replace(tiny, description=replace(tiny.description, controls=LISTED))


def told(resolved: ResolvedRecipe) -> str:
    ((text, _),) = resolved.params.prompts
    return text


async def test_a_prompt_that_asks_nothing_new_reaches_the_model_as_it_is(listed: LoadedModel) -> None:
    for prompt in ("  calm piano,  for studying ", "rock 94 bpm", "jazz in a minor", "4/4 beat"):
        resolved = await resolve(listed, prompt)
        assert told(resolved) == prompt
        assert (resolved.params.negative, resolved.recipe.key) == ("", "")


async def test_fields_are_put_into_words_that_the_model_knows(listed: LoadedModel) -> None:
    resolved = await resolve(listed, "piano", bpm=93, key="f# minor")
    assert told(resolved) == "piano, 94 bpm, in E minor"
    assert resolved.recipe.key == "F# minor"
    assert resolved.notices == (
        "asked for 93 bpm; this model plays about 94 bpm (it knows 62.5, 75, 93.75 and 125)",
        "asked for F# minor; this model plays in E minor (it knows C major, G major, A minor and E minor)",
    )
    asked = resolved.asked
    assert (asked.bpm, asked.told_bpm, asked.key, asked.told_key) == (93, 93.75, "F# minor", "E minor")


async def test_a_model_that_follows_no_key_says_so_even_where_it_knows_the_words(listed: LoadedModel) -> None:
    controls = replace(LISTED, follows_keys=False)
    deaf = replace(listed, description=replace(listed.description, controls=controls))
    resolved = await resolve(deaf, "piano in A minor")
    assert told(resolved) == "piano in A minor"
    assert resolved.notices == ("asked for A minor; this model was told A minor, but follows no key reliably",)
    capability = to_model_info(deaf, Settings()).capabilities.key
    assert (capability.means, list(capability.names)) == (generate_pb2.CONTROL_MEANS_UNSPECIFIED, list(LISTED.keys))


async def test_a_model_that_lists_nothing_gets_the_words_as_they_were_asked(tiny: LoadedModel) -> None:
    resolved = await resolve(tiny, "piano", bpm=120, key="C minor")
    assert (told(resolved), resolved.notices) == ("piano, 120 bpm, C minor", ())
    assert told(await resolve(tiny, "piano in F sharp minor, 93 bpm")) == "piano in F sharp minor, 93 bpm"


async def test_words_of_the_prompt_are_read_like_the_fields(listed: LoadedModel) -> None:
    resolved = await resolve(listed, "rock at 140bpm in F sharp minor, without drums")
    assert told(resolved) == "rock at 125bpm in E minor"
    assert (resolved.asked.bpm, resolved.asked.key, resolved.params.negative) == (140, "F# minor", "drums")
    assert [notice.split(";")[0] for notice in resolved.notices] == [
        "asked for 140 bpm",
        "asked for F# minor",
        "taken out of the prompt and steered away from: 'drums'",
    ]


async def test_a_field_takes_precedence_over_the_prompt(listed: LoadedModel) -> None:
    resolved = await resolve(listed, "rock 75 bpm, in G major", bpm=125, key="A minor")
    assert told(resolved) == "rock, 125 bpm, in A minor"
    assert resolved.notices == (
        "bpm 125 takes precedence over '75 bpm' in the prompt",
        "key A minor takes precedence over 'G major' in the prompt",
    )


async def test_a_metre_that_the_model_does_not_play_is_told(listed: LoadedModel, tiny: LoadedModel) -> None:
    resolved = await resolve(listed, "jazz in 3/4")
    assert resolved.notices == ("asked for 3/4; this model plays in 4/4 alone",)
    assert not (await resolve(tiny, "jazz in 3/4")).notices


async def test_a_negative_prompt_joins_what_the_prompt_denies(tiny: LoadedModel) -> None:
    resolved = await resolve(tiny, "piano, no drums", negative_prompt="bass")
    assert (told(resolved), resolved.params.negative) == ("piano", "bass, drums")
    assert told(await resolve(tiny, "no drums")) == "music"


async def test_what_cannot_be_steered_away_from_is_told(tiny: LoadedModel) -> None:
    unguided = await resolve(tiny, "piano, no drums", guidance_scale=1.0)
    assert unguided.params.negative == ""
    assert unguided.notices == ("nothing is steered away from at guidance_scale 1: 'drums' has no effect",)
    unknown = await resolve(tiny, "piano, no kazoo")
    assert (unknown.params.negative, len(unknown.notices)) == ("", 1)
    assert "'kazoo' is known" in unknown.notices[0]


async def test_a_melody_model_says_that_it_cannot_steer_away(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = make_checkpoint(tmp_path_factory.mktemp("models") / "melody", TINY_MELODY)
    melody = load_transformers(str(folder), Settings())
    resolved = await resolve(melody, "piano, no drums")
    assert (told(resolved), resolved.params.negative) == ("piano", "")
    assert resolved.notices == ("this model cannot steer away from anything: 'drums' has no effect",)


@pytest.mark.parametrize(
    ("prompt", "notice"),
    [
        ("平静的钢琴曲", "no word of '平静的钢琴曲' is known to this model: it reads English words only"),
        ("موسيقى هادئة", "no word of 'موسيقى هادئة' is known to this model: it reads English words only"),
        ("🎹🔥💥", "no word of '🎹🔥💥' is known to this model: it reads English words only"),
        ("...", "no word of '...' is known to this model: it reads English words only"),
        ("klezmer kazoo", "no word of 'klezmer kazoo' is known to this model, so that they have no effect"),
        ("some calm klezmer please", "unknown to this model and without effect: klezmer"),
        ("piano 钢琴", "unknown to this model and without effect: 钢琴: it reads English words only"),
    ],
)
async def test_unknown_words_are_told(tiny: LoadedModel, prompt: str, notice: str) -> None:
    assert (await resolve(tiny, prompt)).notices == (notice,)


async def test_a_notice_about_unknown_words_is_short(tiny: LoadedModel) -> None:
    (notice,) = (await resolve(tiny, "piano " + " ".join(f"zork{number}" for number in range(200)))).notices
    assert "and 192 more" in notice
    assert len(notice) < 200


async def test_a_key_that_is_none_is_refused(tiny: LoadedModel) -> None:
    with pytest.raises(InvalidInput) as caught:
        await resolve(tiny, "piano", key="H major")
    assert caught.value.violations[0].field == "recipe.key"
