"""Live performance from a shell: typed controls, WAV output."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import aclosing
from pathlib import Path

from resonance.any_text import to_text
from resonance.audio.delivery.delivery import Choice, Delivery
from resonance.client import AsyncClient
from resonance.errors import InvalidInput, ResonanceError
from resonance.steering.sliders import SLIDER_NAMES
from resonance.v1 import audio_pb2, generate_pb2, steering_pb2
from resonance_cli.arguments import parse_number, parse_numbers, parse_sliders, read_melody
from resonance_cli.output import Output, open_output
from resonance_cli.song_file import SoundWriter
from resonance_cli.terminal import describe_wait
from resonance_cli.typed_lines import TypedLines

LINES_KNOWN = (
    "prompt WORDS, slider NAME=POSITION, concept NAME=STRENGTH, wish WORDS, bpm NUMBER, key NAME, without WORDS, melody FILE, "
    "no melody, pause, play, reset, stop"
)
_COMMANDS = {
    "play": generate_pb2.PLAYBACK_COMMAND_PLAY,
    "pause": generate_pb2.PLAYBACK_COMMAND_PAUSE,
    "reset": generate_pb2.PLAYBACK_COMMAND_RESET,
    "stop": generate_pb2.PLAYBACK_COMMAND_STOP,
}
_STOP = generate_pb2.PerformControl(command=generate_pb2.PLAYBACK_COMMAND_STOP)


class Performing:
    """One performance.

    `show` gets a sentence for each change that is in force or was refused, `warn` each notice. With `is_unclamped` the strengths of the
    concepts that lines name are not held to their safe ranges.
    """

    def __init__(
        self,
        opening: generate_pb2.PerformOpening,
        show: Callable[[str], None],
        warn: Callable[[str], None],
        *,
        is_unclamped: bool = False,
        delivery: Delivery,
        choice: Choice,
    ) -> None:
        self._delivery, self._choice = delivery, choice
        self._opening = opening
        self._recipe = steering_pb2.Recipe()  # with the changes of all lines that were not refused
        self._recipe.CopyFrom(opening.recipe)
        self._show, self._warn = show, warn
        self._is_unclamped = is_unclamped
        self._before: steering_pb2.Recipe | None = None  # what the wish "undo" restores
        self._lines = TypedLines()

    async def play(self, client: AsyncClient, path: Path, lines: Iterable[str], *, duration_s: float) -> None:
        """Plays into the output until a line stops it or `duration_s` have come. A file appears whole or not at all.

        Raises:
            DataLoss: what came is not what the end mark says.
            ResonanceError: the service refused to begin.
            OSError: the output cannot be written.
        """
        with open_output(path) as output:
            self._lines.start(lines)
            async with aclosing(client.perform(self._requests(client))) as responses:
                await self._write(output, responses, duration_s)

    def parse_control(self, line: str) -> generate_pb2.PerformControl:
        """The control of a line. Raises InvalidInput where it is none of LINES_KNOWN, NotFound where there is no such file."""
        line = to_text(line, field="line") if not line.startswith("melody ") else line
        word, _, rest = line.strip().partition(" ")
        if line.strip() == "no melody":
            return generate_pb2.PerformControl(without_melody=True)
        if word in _COMMANDS and not rest:
            return generate_pb2.PerformControl(command=_COMMANDS[word])
        if word == "melody" and rest:
            return generate_pb2.PerformControl(melody=generate_pb2.Melody(wav=read_melody(Path(rest))))
        if word == "prompt" and rest:
            self._recipe.prompts[0].text = rest
        elif word == "slider" and rest:
            for name, position in parse_sliders([rest]).items():
                setattr(self._recipe.sliders, name, position)
        elif word == "concept" and rest:
            self._set_concepts(parse_numbers("concept", [rest]))
        elif word == "bpm" and rest:
            self._recipe.bpm = parse_number("bpm", rest)
        elif word == "key" and rest:
            self._recipe.key = rest
        elif word == "without" and rest:
            self._recipe.negative_prompt = rest
        else:
            raise InvalidInput(f"{line.strip()!r} is none of: {LINES_KNOWN}", reason="UNKNOWN_LINE")
        return generate_pb2.PerformControl(recipe=self._recipe)

    def _set_concepts(self, strengths: Mapping[str, float]) -> None:
        for name, strength in strengths.items():
            use = next((use for use in self._recipe.concepts if use.name == name), None)
            use = use or self._recipe.concepts.add(name=name, unclamped=self._is_unclamped)
            use.ClearField("position")
            use.strength = strength

    async def _requests(self, client: AsyncClient) -> AsyncIterator[generate_pb2.PerformRequest]:
        yield generate_pb2.PerformRequest(opening=self._opening)
        async for line in self._lines.read():
            before = steering_pb2.Recipe()
            before.CopyFrom(self._recipe)
            try:
                control = await self._read_line(client, line)
            except ResonanceError as refusal:
                self._recipe = before
                self._show(refusal.message)
                continue
            self._lines.expect()
            yield generate_pb2.PerformRequest(control=control)
            if not control.command and not await self._lines.is_accepted():
                self._recipe = before
        yield generate_pb2.PerformRequest(control=_STOP)

    async def _read_line(self, client: AsyncClient, line: str) -> generate_pb2.PerformControl:
        """The control of a line. Raises what `parse_control` and the service's reading of a wish raise."""
        word, _, wish = line.strip().partition(" ")
        if word == "wish" and wish:
            return await self._refine(client, to_text(wish, field="line"))
        return self.parse_control(line)

    async def _refine(self, client: AsyncClient, wish: str) -> generate_pb2.PerformControl:
        """The control of a wish. The music goes on while its phrases are read; later lines wait. Raises what the service refuses."""
        before = self._before
        found = await client.refine(
            wish,
            _slider_positions(self._recipe),
            previous=None if before is None else _slider_positions(before),
            concepts=_concept_positions(self._recipe),
            previous_concepts=None if before is None else _concept_positions(before),
            prompt=self._recipe.prompts[0].text,
        )
        self._show(found.explanation)
        self._before = steering_pb2.Recipe()
        self._before.CopyFrom(self._recipe)
        self._recipe.sliders.CopyFrom(found.sliders)
        kept = [use for use in self._recipe.concepts if not use.HasField("position")]
        del self._recipe.concepts[:]
        self._recipe.concepts.extend(kept)
        for one in found.concepts:
            self._recipe.concepts.add(name=one.name, position=one.position)
        return generate_pb2.PerformControl(recipe=self._recipe)

    async def _write(
        self, output: Output, responses: AsyncIterator[generate_pb2.PerformResponse], duration_s: float
    ) -> None:
        count, is_stopping = 0, False
        sound: SoundWriter | None = None
        started = generate_pb2.GenerationStarted()
        async for response in responses:
            event = response.WhichOneof("event")
            if event == "started":
                started = response.started
                self._warn_all(started.notices)
                sound = SoundWriter(output, self._delivery, self._choice, started, is_live=True)
            elif event == "chunk" and sound is not None:
                await asyncio.to_thread(sound.write, response.chunk.data)
                count += response.chunk.sample_count
                if count >= duration_s * started.format.sample_rate_hz and not is_stopping:
                    is_stopping = True
                    self._lines.end()
            elif event == "recipe":
                self._lines.answer(is_refused=response.recipe.HasField("fault"))
                self._show(_describe(response.recipe, started.format))
                self._warn_all(response.recipe.notices)
            elif event == "queued":
                self._show(describe_wait(response.queued))
        if sound is not None:
            await asyncio.to_thread(sound.finish)

    def _warn_all(self, notices: Iterable[str]) -> None:
        for notice in notices:
            self._warn(notice)


def _slider_positions(recipe: steering_pb2.Recipe) -> dict[str, float]:
    return {name: getattr(recipe.sliders, name) for name in SLIDER_NAMES}


def _concept_positions(recipe: steering_pb2.Recipe) -> dict[str, float]:
    return {use.name: use.position for use in recipe.concepts if use.HasField("position")}


def _describe(change: generate_pb2.RecipeInForce, audio_format: audio_pb2.AudioFormat) -> str:
    if change.HasField("fault"):
        return f"refused: {change.fault}"
    melody = ", along a melody" if change.melody_sha256 else ""
    return f"from {change.sample_offset / audio_format.sample_rate_hz:.1f} s: {change.recipe.prompts[0].text}{melody}"
