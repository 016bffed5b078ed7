"""Connection: one caller's place in a room's broadcast."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from typing import cast

from resonance.broadcast import Broadcast
from resonance.errors import ResonanceError, Unavailable
from resonance.v1 import audio_pb2, generate_pb2, rooms_pb2
from resonance_generate.rooms.member import Member

Event = (
    audio_pb2.AudioChunk
    | rooms_pb2.RoomMix
    | generate_pb2.GenerationQueued
    | generate_pb2.GenerationStarted
    | generate_pb2.RecipeInForce
    | rooms_pb2.RoomJoined
    | rooms_pb2.RoomSkipped
    | rooms_pb2.RoomEnded
)
# Answers to one caller that wait; older ones are dropped.
ANSWERS_MAX = 32


@dataclass(slots=True, kw_only=True, eq=False)
class Connection:
    """One open call. `member` is None for a listener. `has_sound` and `has_news` say what is sent.

    `sending_since_s` is when the message in hand was given to the transport, and None while the caller waits for news. `failure` and
    `ended` end the call when the caller reads on. Mixes below the number `mixes_from` are in the one that was told at the beginning.
    """

    member: Member | None
    has_sound: bool
    has_news: bool = True
    number: int = 0
    mixes_from: int = 0
    next_sample: int = 0
    answers: deque[generate_pb2.RecipeInForce] = field(default_factory=lambda: deque(maxlen=ANSWERS_MAX))
    sending_since_s: float | None = None
    failure: ResonanceError | None = None
    ended: rooms_pb2.RoomEnded | None = None

    async def events(
        self,
        broadcast: Broadcast,
        latest: Callable[[], rooms_pb2.RoomMix | None],
        clock: Callable[[], float] = time.monotonic,
    ) -> AsyncGenerator[Event, None]:
        """Messages from `number` on, at the pace of the caller's reading, until the room ends or lets the caller go.

        A caller whose next message has been dropped goes on at the newest chunk, with RoomSkipped and the mix in force (`latest`).
        """
        while True:
            for event in self._due(broadcast, latest):
                self.sending_since_s = clock()
                yield event
                self.sending_since_s = None
                if self.failure is not None:
                    break
            if self.failure is not None:
                raise self.failure
            if self.answers or self.number < broadcast.end:
                continue
            if self.ended is not None:
                yield self.ended
                return
            await broadcast.wait()

    def is_stuck(self, now_s: float, stall_s_max: float) -> bool:
        """True where the caller has not taken the message in hand for too long."""
        return self.sending_since_s is not None and now_s - self.sending_since_s > stall_s_max

    def cut(self) -> None:
        """Ends the call with a typed error when the caller reads on."""
        self.failure = Unavailable(
            "you read too slowly to hear this room, and were cut off; join again",
            reason="LISTENER_TOO_SLOW",
            retry_after_s=1.0,
        )

    def _due(self, broadcast: Broadcast, latest: Callable[[], rooms_pb2.RoomMix | None]) -> list[Event]:
        """Answers, and the next message; after a gap what replaces the dropped messages."""
        due: list[Event] = [self.answers.popleft() for _ in range(len(self.answers))]
        if self.number < broadcast.first:
            return due + self._skip(broadcast, latest())
        while self.number < broadcast.end:
            message = broadcast.get(self.number)
            self.number += 1
            if isinstance(message, audio_pb2.AudioChunk):
                if not self.has_sound:
                    continue
                self.next_sample = message.sample_offset + message.sample_count
            elif not self.has_news or self._is_told(message):
                continue
            return [*due, cast(Event, message)]
        return due

    def _is_told(self, message: object) -> bool:
        """True for a mix that was in force already when the caller was told of the one in force."""
        return isinstance(message, rooms_pb2.RoomMix) and self.number <= self.mixes_from

    def _skip(self, broadcast: Broadcast, mix: rooms_pb2.RoomMix | None) -> list[Event]:
        self.number = broadcast.end - 1
        while self.number > broadcast.first and not isinstance(broadcast.get(self.number), audio_pb2.AudioChunk):
            self.number -= 1
        told: list[Event] = [] if mix is None or not self.has_news else [mix]
        start = broadcast.next_sample(self.number)
        if self.has_sound and start is not None:
            told.append(rooms_pb2.RoomSkipped(sample_offset_before=self.next_sample, sample_offset=start))
        return told
