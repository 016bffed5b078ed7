"""Gemini for wishes and descriptions: the door to Google's models, with one error type."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

from resonance.errors import ResonanceError, Unavailable
from resonance.google.door import GoogleDoor, open_google
from resonance.settings import Settings
from resonance.store.protocol import ObjectStore

if TYPE_CHECKING:
    from pydantic import BaseModel

    Answer = TypeVar("Answer", bound=BaseModel)


class Gemini:
    """A Gemini model that answers in JSON. `parts` of a question are texts, or WAV files as bytes."""

    def __init__(self, door: GoogleDoor, model: str) -> None:
        self.model = model
        self._door = door

    async def ask(self, parts: Sequence[str | bytes], *, instruction: str, schema: type[Answer]) -> Answer:
        """The model's answer, checked against the schema. Raises Unavailable for every failure: callers have means of their own."""
        try:
            return await self._door.ask(self.model, parts, instruction=instruction, schema=schema)
        except ResonanceError as failure:
            raise Unavailable(failure.message, reason=failure.reason) from failure

    async def close(self) -> None:
        """Closes its connections."""
        await self._door.close()


def open_gemini(settings: Settings, store: ObjectStore) -> Gemini | None:
    """Gemini where a key is set, else None. Raises InvalidInput as `open_google`."""
    door = open_google(settings, store)
    return None if door is None else Gemini(door, settings.gemini_model)
