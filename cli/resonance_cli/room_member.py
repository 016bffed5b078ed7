"""A member of a room at a shell: typed controls, sound into a file."""

from __future__ import annotations

import asyncio
import threading
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
        self._controls: asyncio.Queue[rooms_pb2.RoomControl | None] = asyncio.Queue()
        self._has_left = asyncio.Event()

    async def play(self, client: AsyncClient, path: Path, lines: Iterable[str], *, duration_s: float) -> None:
        """Writes what is heard until the room ends, a line leaves it, or `duration_s` have come.

        Raises:
            ResonanceError: the room refused the caller, or the stream was cut.
            OSError: the output cannot be written.
        """
        with open_output(path) as output:
            self._start_reading(lines)
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
        while True:
            yield rooms_pb2.JoinPerformanceRequest(control=await self._controls.get())

    def _start_reading(self, lines: Iterable[str]) -> None:
        """Reads lines on a daemon thread: waiting for the terminal must not hold up the music."""
        loop = asyncio.get_running_loop()

        def read() -> None:
            for line in filter(str.strip, lines):
                loop.call_soon_threadsafe(self._obey, line)

        threading.Thread(target=read, daemon=True).start()

    def _obey(self, line: str) -> None:
        try:
            if line.strip() == "leave":
                self._has_left.set()
            else:
                self._controls.put_nowait(self.parse_control(line))
        except ResonanceError as refusal:
            self._show(refusal.message)

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
            elif event == "recipe" and response.recipe.HasField("fault"):
                self._show(f"refused: {response.recipe.fault}")
            elif event == "queued":
                self._show(describe_wait(response.queued))
            elif event == "skipped":
                self._show("the connection was slow: a part is left out")
            elif event == "ended":
                self._show(response.ended.message)
            if self._has_left.is_set() or (sound is not None and count >= most):
                break
        if sound is not None:
            await asyncio.to_thread(sound.finish)

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
