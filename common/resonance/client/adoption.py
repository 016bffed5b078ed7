"""Adoption calls: progress of the loaded model, export, import."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from resonance.errors import ResonanceError
from resonance.rpc.calls import stream_call, unary_call
from resonance.v1 import extract_pb2, extract_pb2_grpc

_PART_BYTES = 256 * 1024
_FAILED = extract_pb2.ADOPTION_STATE_FAILED


class AdoptionCalls:
    """Makes the loaded model ready, and carries what was made from one installation to another."""

    def __init__(self, extract: extract_pb2_grpc.ExtractServiceStub) -> None:
        self._extract = extract

    async def get(self) -> extract_pb2.Adoption:
        """How far the loaded model is made ready."""
        return (await unary_call(self._extract.GetAdoption(extract_pb2.GetAdoptionRequest()))).adoption

    async def run(
        self, *, on_change: Callable[[extract_pb2.Adoption], None] = lambda _: None, every_s: float = 1.0
    ) -> extract_pb2.Adoption:
        """Makes the loaded model ready and waits for it. The work continues when the client disconnects.

        Raises ResonanceError where a part failed.
        """
        adoption = (await unary_call(self._extract.StartAdoption(extract_pb2.StartAdoptionRequest()))).adoption
        while True:
            on_change(adoption)
            if adoption.state == extract_pb2.ADOPTION_STATE_COMPLETED:
                return adoption
            if adoption.state == _FAILED:
                part = next(part for part in adoption.parts if part.state == _FAILED)
                raise ResonanceError(f"{part.name} could not be made: {part.note}", reason="ADOPTION_FAILED")
            await asyncio.sleep(every_s)
            adoption = await self.get()

    async def export(self) -> bytes:
        """The file that another installation of the model takes in. Raises FailedPrecondition while parts are missing."""
        responses = stream_call(self._extract.ExportAdoption(extract_pb2.ExportAdoptionRequest()))
        return b"".join([response.data async for response in responses])

    async def take_in(self, data: bytes) -> extract_pb2.ImportAdoptionResponse:
        """Takes a file of `export` in. Raises domain errors for another model's, a damaged and a newer one."""
        parts = (
            extract_pb2.ImportAdoptionRequest(data=data[start : start + _PART_BYTES])
            for start in range(0, len(data), _PART_BYTES)
        )
        response: extract_pb2.ImportAdoptionResponse = await unary_call(self._extract.ImportAdoption(parts))
        return response
