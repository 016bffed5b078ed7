"""Notices about changed requests go to standard error."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import soundfile
from rich.progress import Progress

from resonance.audio.delivery.delivery import Choice, Delivery
from resonance.client.requests import build_request
from resonance.errors import InvalidInput
from resonance.settings import Settings
from resonance.v1 import audio_pb2, extract_pb2, generate_pb2, steering_pb2
from resonance_cli.performing import Performing
from resonance_cli.song_file import write_song

FORMAT = audio_pb2.AudioFormat(sample_rate_hz=8000, channel_count=1)
END = audio_pb2.StreamEnd(sha256=hashlib.sha256(b"").digest())


def leaving(folder: Path) -> dict[str, Any]:
    """How sound leaves the command line."""
    return {"delivery": Delivery(Settings(data_dir=folder)), "choice": Choice()}


def test_notices_of_a_take_are_printed(tmp_path: Path) -> None:
    started = generate_pb2.GenerationStarted(format=FORMAT, notices=["tempo was held to 0.5"])
    finished = generate_pb2.GenerationFinished(end=END)
    responses = [generate_pb2.GenerateResponse(started=started), generate_pb2.GenerateResponse(finished=finished)]
    notices: list[str] = []
    write_song(tmp_path / "song.wav", iter(responses), Progress(disable=True), notices.append, **leaving(tmp_path))
    assert notices == ["tempo was held to 0.5"]


class NotifyingClient:
    """A client whose performance answers one control with a notice."""

    async def perform(
        self, requests: AsyncIterator[generate_pb2.PerformRequest]
    ) -> AsyncIterator[generate_pb2.PerformResponse]:
        yield generate_pb2.PerformResponse(started=generate_pb2.GenerationStarted(format=FORMAT, notices=["one"]))
        recipe = steering_pb2.Recipe(prompts=[steering_pb2.WeightedPrompt(text="jazz")])
        yield generate_pb2.PerformResponse(recipe=generate_pb2.RecipeInForce(recipe=recipe, notices=["two"]))
        yield generate_pb2.PerformResponse(finished=END)


async def test_notices_of_a_live_change_are_printed(tmp_path: Path) -> None:
    opening = generate_pb2.PerformOpening()
    opening.recipe.prompts.add(text="jazz")
    shown: list[str] = []
    warned: list[str] = []
    performing = Performing(opening, shown.append, warned.append, **leaving(tmp_path))
    await performing.play(NotifyingClient(), tmp_path / "live.wav", [], duration_s=1)  # type: ignore[arg-type]
    assert warned == ["one", "two"]
    assert shown == ["from 0.0 s: jazz"]
    with soundfile.SoundFile(tmp_path / "live.wav") as song:
        metadata = song.copy_metadata()
    assert "machine" in metadata["artist"]
    assert "played live" in metadata["comment"]


@pytest.mark.parametrize("is_unclamped", [False, True])
def test_unclamped_reaches_takes_and_live_concepts(tmp_path: Path, is_unclamped: bool) -> None:
    request = build_request("jazz", taste_id="t-1", concepts={"tempo": 8.0}, unclamped=is_unclamped)
    assert request.recipe.concepts[0].unclamped is request.recipe.tastes[0].unclamped is is_unclamped
    opening = generate_pb2.PerformOpening()
    opening.recipe.prompts.add(text="jazz")
    performing = Performing(opening, print, print, is_unclamped=is_unclamped, **leaving(tmp_path))
    (use,) = performing.parse_control("concept tempo=8").recipe.concepts
    assert (use.name, use.strength, use.unclamped) == ("tempo", 8.0, is_unclamped)
    (again,) = performing.parse_control("concept tempo=-1").recipe.concepts
    assert again.strength == -1


def test_tempo_key_and_what_to_leave_out_reach_takes_and_live_music(tmp_path: Path) -> None:
    request = build_request("jazz", bpm=93, key="F# minor", negative_prompt="drums")
    assert (request.recipe.bpm, request.recipe.key, request.recipe.negative_prompt) == (93, "F# minor", "drums")
    assert not build_request("jazz").recipe.HasField("bpm")
    opening = generate_pb2.PerformOpening()
    opening.recipe.prompts.add(text="jazz")
    performing = Performing(opening, print, print, **leaving(tmp_path))
    for line in ("bpm 93", "key F# minor", "without drums and bass"):
        recipe = performing.parse_control(line).recipe
    assert (recipe.bpm, recipe.key, recipe.negative_prompt) == (93, "F# minor", "drums and bass")
    with pytest.raises(InvalidInput, match="bpm=fast is not NAME=NUMBER"):
        performing.parse_control("bpm fast")


class RefiningClient(NotifyingClient):
    """A client that answers two wishes, and whose performance takes two controls."""

    def __init__(self) -> None:
        self.controls: list[generate_pb2.PerformControl] = []
        self.asked: list[dict[str, object]] = []

    async def refine(self, text: str, sliders: object, **options: object) -> extract_pb2.RefineResponse:
        self.asked.append({"text": text, **options})
        if text == "purple":
            raise InvalidInput("text: the model does not know “purple”", reason="PHRASE_UNKNOWN")
        concept = extract_pb2.RefinedConcept(name="phrase-1", label="rain", position=0.3)
        return extract_pb2.RefineResponse(explanation=f"did {text}", concepts=[concept], sliders={"energy": 0.3})

    async def perform(
        self, requests: AsyncIterator[generate_pb2.PerformRequest]
    ) -> AsyncIterator[generate_pb2.PerformResponse]:
        yield generate_pb2.PerformResponse(started=generate_pb2.GenerationStarted(format=FORMAT))
        await anext(requests)
        while len(self.controls) < 2:
            self.controls.append((await anext(requests)).control)
            yield generate_pb2.PerformResponse(recipe=self.answer(self.controls[-1]))
        yield generate_pb2.PerformResponse(finished=END)

    def answer(self, control: generate_pb2.PerformControl) -> generate_pb2.RecipeInForce:
        """Refuses one key, as a service does."""
        if control.recipe.key == "H":
            return generate_pb2.RecipeInForce(fault="INVALID: key: H is no key")
        return generate_pb2.RecipeInForce(recipe=control.recipe)


async def test_a_wish_in_live_music_moves_sliders_and_concepts(tmp_path: Path) -> None:
    opening = generate_pb2.PerformOpening()
    opening.recipe.prompts.add(text="jazz")
    opening.recipe.concepts.add(name="mine", strength=0.5)
    shown: list[str] = []
    client = RefiningClient()
    performing = Performing(opening, shown.append, print, **leaving(tmp_path))
    lines = ["wish more rain", "wish purple", "wish more of that"]
    await performing.play(client, tmp_path / "live.wav", lines, duration_s=1)  # type: ignore[arg-type]
    told = [line for line in shown if not line.startswith("from ")]
    assert told == ["did more rain", "text: the model does not know “purple”", "did more of that"]
    recipe = client.controls[0].recipe
    assert recipe.sliders.energy == 0.3
    assert [(use.name, use.strength, use.position) for use in recipe.concepts] == [
        ("mine", 0.5, 0),
        ("phrase-1", 0, 0.3),
    ]
    assert client.asked[0]["prompt"] == "jazz"
    assert client.asked[0]["previous"] is None
    assert client.asked[2]["concepts"] == {"phrase-1": 0.3}
    assert client.asked[2]["previous_concepts"] == {}


async def test_what_a_live_line_was_refused_for_is_not_sent_again_with_the_next_line(tmp_path: Path) -> None:
    opening = generate_pb2.PerformOpening()
    opening.recipe.prompts.add(text="jazz")
    shown: list[str] = []
    client = RefiningClient()
    performing = Performing(opening, shown.append, print, **leaving(tmp_path))
    lines = ["key H", "slider energy=1"]
    await performing.play(client, tmp_path / "live.wav", lines, duration_s=1)  # type: ignore[arg-type]
    assert [control.recipe.key for control in client.controls] == ["H", ""]
    assert client.controls[1].recipe.sliders.energy == 1
    assert shown[0] == "refused: INVALID: key: H is no key"
