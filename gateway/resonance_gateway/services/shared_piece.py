"""Piece behind a share link: its words, sliders and length, read from the head of its file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass

from resonance.audio.wav import read_wav
from resonance.errors import DataLoss
from resonance.v1 import shares_pb2
from resonance_gateway.services.figure import Figure, figure_of
from resonance_gateway.services.services import Services


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedPiece:
    """What a friend sees of a piece. The texts of our own files say it; nothing else of the take is read."""

    words: str
    seed: int
    sliders: Mapping[str, float]
    duration_s: float
    made_by: str

    @property
    def figure(self) -> Figure:
        """The figure that the page draws for the same words, seed and sliders."""
        return figure_of(f"{self.words} {self.seed}", self.sliders)


async def read_shared_piece(services: Services, token: str) -> SharedPiece:
    """Reads the first block of the file, where the texts stand.

    Raises:
        NotFound: there is no such link, or it has expired.
        DataLoss: the file does not say how it was made.
    """
    responses = services.shares.listen("ReadShareLink", shares_pb2.ReadShareLinkRequest(token=token))
    async with aclosing(responses):
        link = (await anext(responses)).share_link
        head = (await anext(responses)).data
    rate_hz, channel_count, _, info = read_wav(head)
    comment = info.get("ICMT", "")
    made_by, _, text = comment.partition("ecipe: ")
    try:
        document = json.loads(text)
        recipe = document["recipe"]
        return SharedPiece(
            words=", ".join(prompt["text"] for prompt in recipe.get("prompts", [])),
            seed=int(document.get("seed", 0)),
            sliders={name: float(value) for name, value in recipe.get("sliders", {}).items() if value},
            duration_s=link.byte_count / (2 * rate_hz * max(1, channel_count)),
            made_by=made_by.rpartition(". ")[0] + ".",
        )
    except (ValueError, KeyError, TypeError) as failure:
        raise DataLoss("the shared sound does not say how it was made", reason="NO_PROVENANCE") from failure
