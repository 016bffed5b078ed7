"""A member of a room at a shell: typed controls, sound into a file."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import aclosing
from pathlib import Path

from resonance.any_text import to_text
from resonance.audio.delivery.delivery import Choice, Delivery
from resonance.client import AsyncClient
from resonance.errors import InvalidInput, ResonanceError
from resonance.v1 import generate_pb2, rooms_pb2, steering_pb2
from resonance_cli.arguments import parse_numbers, parse_sliders
from resonance_cli.output import Output, open_output
from resonance_cli.song_file import SoundWriter
from resonance_cli.terminal import describe_wait
from resonance_cli.typed_lines import TypedLines

LINES_KNOWN = "slider NAME=POSITION, taste ID=STRENGTH, leave; for the owner also prompt WORDS, pause, play, stop"
_COMMANDS = {
    "pause": generate_pb2.PLAYBACK_COMMAND_PAUSE,
    "play": generate_pb2.PLAYBACK_COMMAND_PLAY,
    "stop": generate_pb2.PLAYBACK_COMMAND_STOP,
}


class RoomMember:
    """One who joins. `show` gets a sentence for each change."""

    def __init__(self, link: str, name: str, show: Callable[[str], None], delivery: Delivery, choice: Choice) -> None:
        """Raises InvalidInput where the link names no room and token."""
        self._joining = parse_room_link(link)
        self._joining.name = name
        self._show, self._delivery, self._choice = show, delivery, choice
        self._part = rooms_pb2.RoomPart()
        self._recipe = steering_pb2.Recipe()
        self._lines = TypedLines()
        self._has_left = False

    async def play(self, client: AsyncClient, path: Path, lines: Iterable[str], *, duration_s: float) -> None:
        """Writes what is heard until the room ends, a line leaves it, or `duration_s` have come.

        Raises:
            ResonanceError: the room refused the caller, or the stream was cut.
            OSError: the output cannot be written.
        """
        with open_output(path) as output:
            self._lines.start(lines)
            async with aclosing(client.rooms.join(self._requests())) as responses:
                await self._write(output, responses, duration_s)

    def parse_control(self, line: str) -> rooms_pb2.RoomControl:
        """The control of a line. Raises InvalidInput where it is none of LINES_KNOWN."""
        word, _, rest = to_text(line, field="line").strip().partition(" ")
        if word in _COMMANDS and not rest:
            return rooms_pb2.RoomControl(command=_COMMANDS[word])
        if word == "slider" and rest:
            for name, position in parse_sliders([rest]).items():
                setattr(self._part.sliders, name, position)
            return rooms_pb2.RoomControl(part=self._part)
        if word == "taste" and rest:
            for taste_id, strength in parse_numbers("taste", [rest]).items():
                kept = [taste for taste in self._part.tastes if taste.taste_id != taste_id]
                del self._part.tastes[:]
                self._part.tastes.extend([*kept, steering_pb2.TasteWeight(taste_id=taste_id, strength=strength)])
            return rooms_pb2.RoomControl(part=self._part)
        if word == "prompt" and rest:
            del self._recipe.prompts[:]
            self._recipe.prompts.add(text=rest)
            return rooms_pb2.RoomControl(recipe=self._recipe)
        raise InvalidInput(f"{line.strip()!r} is none of: {LINES_KNOWN}", reason="UNKNOWN_LINE")

    async def _requests(self) -> AsyncIterator[rooms_pb2.JoinPerformanceRequest]:
        yield rooms_pb2.JoinPerformanceRequest(joining=self._joining)
        async for line in self._lines.read():
            if line.strip() == "leave":
                self._has_left = True
                return
            before = rooms_pb2.RoomPart()
            before.CopyFrom(self._part)
            try:
                control = self.parse_control(line)
            except ResonanceError as refusal:
                self._part = before
                self._show(refusal.message)
                continue
            self._lines.expect()
            yield rooms_pb2.JoinPerformanceRequest(control=control)
            if not control.command and not await self._lines.is_accepted():
                self._part = before

    async def _write(
        self, output: Output, responses: AsyncIterator[rooms_pb2.JoinPerformanceResponse], duration_s: float
    ) -> None:
        sound: SoundWriter | None = None
        count, most = 0, 0.0
        async for response in responses:
            event = response.WhichOneof("event")
            if event == "started":
                most = duration_s * response.started.format.sample_rate_hz
                sound = SoundWriter(output, self._delivery, self._choice, response.started, is_live=True)
            elif event == "chunk" and sound is not None:
                await asyncio.to_thread(sound.write, response.chunk.data)
                count += response.chunk.sample_count
            elif event == "mix":
                self._show_mix(response.mix)
                self._recipe.CopyFrom(response.mix.recipe)
            elif event == "recipe":
                self._hear_answer(response.recipe)
            elif event == "queued":
                self._show(describe_wait(response.queued))
            elif event == "skipped":
                self._show("the connection was slow: a part is left out")
            elif event == "ended":
                self._show(response.ended.message)
            if self._has_left or (sound is not None and count >= most):
                break
        if sound is not None:
            await asyncio.to_thread(sound.finish)

    def _hear_answer(self, answer: generate_pb2.RecipeInForce) -> None:
        self._lines.answer(is_refused=answer.HasField("fault"))
        if answer.HasField("fault"):
            self._show(f"refused: {answer.fault}")

    def _show_mix(self, mix: rooms_pb2.RoomMix) -> None:
        names = {member.member_id: member.name for member in mix.members}
        for move in mix.moves:
            self._show(f"{names.get(move.member_id, 'someone')}: {move.control} {move.before:g} to {move.after:g}")
        shares = [f"{one.name} {one.push_share:.0%}" for one in mix.members if one.push_share]
        if shares and mix.sample_offset >= 0:
            self._show(f"in the push: {', '.join(shares)}")


def parse_room_link(text: str) -> rooms_pb2.RoomJoining:
    """The room and the token of a link. Raises InvalidInput for another text."""
    place, _, tokens = text.strip().partition("#")
    room_id, token = place.rstrip("/").rpartition("/")[2], tokens.partition(".")[0]
    if not room_id.isalnum() or not token.isalnum():
        raise InvalidInput(f"{text!r} is no link to a room: it ends with ROOM#TOKEN", reason="NO_ROOM_LINK")
    return rooms_pb2.RoomJoining(room_id=room_id, token=token)
