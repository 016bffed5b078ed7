"""Broadcast: one bounded buffer of live sound and news, which every listener reads at their own place.

The writer never waits for a reader, and a reader that falls behind costs no memory.
"""

from __future__ import annotations

import asyncio
from collections import deque
from itertools import islice

from google.protobuf.message import Message

from resonance.v1 import audio_pb2

# Messages that are kept while no chunk pushes them out, such as moves during a pause.
MESSAGES_MAX = 512


class Broadcast:
    """Messages numbered from 0, of which the newest are kept: at most `samples_max` samples, and MESSAGES_MAX messages.

    One event loop uses it.
    """

    def __init__(self, *, samples_max: int) -> None:
        self._samples_max = samples_max
        self._kept: deque[Message] = deque()
        self._samples = 0
        self._news = asyncio.Event()
        self.first = 0

    @property
    def end(self) -> int:
        """The number that the next message will have."""
        return self.first + len(self._kept)

    def put(self, message: Message) -> None:
        """Adds a message, drops the oldest ones beyond the limits, and wakes all readers."""
        self._kept.append(message)
        self._samples += _sample_count(message)
        while len(self._kept) > MESSAGES_MAX or (self._samples > self._samples_max and len(self._kept) > 1):
            self._samples -= _sample_count(self._kept.popleft())
            self.first += 1
        self.wake()

    def get(self, number: int) -> Message:
        """A kept message. Raises IndexError for another number."""
        if not self.first <= number < self.end:
            raise IndexError(number)
        return self._kept[number - self.first]

    def find_start(self, samples: int) -> int:
        """The number of the first message of the newest chunks that hold at most `samples`; `end` where the newest one holds more."""
        found, left = self.end, samples
        for number in range(self.end - 1, self.first - 1, -1):
            left -= _sample_count(self._kept[number - self.first])
            if left < 0:
                break
            if isinstance(self._kept[number - self.first], audio_pb2.AudioChunk):
                found = number
        return found

    def next_sample(self, number: int) -> int | None:
        """The first sample of the first chunk from a message on; None where no such chunk has come."""
        for message in islice(self._kept, max(0, number - self.first), None):
            if isinstance(message, audio_pb2.AudioChunk):
                return message.sample_offset
        return None

    def wake(self) -> None:
        """Wakes all readers, for news that are not in the buffer."""
        self._news.set()
        self._news = asyncio.Event()

    async def wait(self) -> None:
        """Waits for the next message, or for `wake`."""
        await self._news.wait()


def _sample_count(message: Message) -> int:
    return message.sample_count if isinstance(message, audio_pb2.AudioChunk) else 0
