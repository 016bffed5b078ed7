"""Take library: request ids and finished takes, audio and tokens.

All are in the object store.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import aclosing, suppress
from typing import Any

import numpy as np
import structlog
from google.protobuf import json_format

from resonance.audio.provenance import provenance_texts
from resonance.audio.wav import pcm_in, wav_header
from resonance.errors import Conflict, DataLoss, FailedPrecondition, NotFound, ResonanceError, invalid_field
from resonance.ids import sha256_hex
from resonance.store import ObjectStore
from resonance.store.keys import (
    TAKE_INDEX,
    checkpoint_key,
    request_key,
    take_audio_key,
    take_codes_key,
    take_index_key,
    take_key,
    take_timeline_key,
)
from resonance.store.token_document import Codes, codes_document, parse_codes
from resonance.v1 import audio_pb2, generate_pb2
from resonance_generate.takes.checkpoint_sweeper import now_ms
from resonance_generate.takes.hearing import SECONDS_MAX, Heard, hear_in_child

_log = structlog.get_logger("takes")
_PAGE = 50
_TOKEN = re.compile(TAKE_INDEX + r"\d{15}-[A-Za-z0-9_-]{1,64}")


class TakeLibrary:
    """Finished takes in the object store. A take appears whole: audio and tokens are written before its description."""

    def __init__(self, store: ObjectStore, *, clock_ms: Callable[[], int] = now_ms) -> None:
        self._store = store
        self._clock_ms = clock_ms
        self._background: set[asyncio.Task[None]] = set()
        self._hearing_turn = asyncio.Semaphore(1)

    async def claim(self, request_id: str, request_digest: str) -> bool:
        """Binds a request id to a request; returns whether it was bound to it before.

        Raises:
            Conflict: the id stands for another request.
        """
        document = json.dumps({"request_digest": request_digest}).encode()
        try:
            await self._store.create(request_key(request_id), document)
            return False
        except Conflict:
            stored = json.loads((await self._store.get(request_key(request_id))).data)
            if stored["request_digest"] != request_digest:
                raise Conflict(
                    f"request id {request_id} was used for another request; choose a new one",
                    reason="REQUEST_ID_REUSED",
                ) from None
            return True

    async def find(self, request_id: str) -> generate_pb2.Take | None:
        """The finished take, or None."""
        try:
            stored = await self._store.get(take_key(request_id))
        except NotFound:
            return None
        return json_format.Parse(stored.data, generate_pb2.Take())

    async def get(self, request_id: str) -> generate_pb2.Take:
        """The finished take. Raises NotFound."""
        take = await self.find(request_id)
        if take is None:
            raise NotFound(f"there is no finished take {request_id}", reason="NO_SUCH_TAKE")
        return take

    async def pcm(self, take: generate_pb2.Take) -> bytes:
        """The take's samples as 16-bit PCM. Raises DataLoss where they are damaged."""
        stored = await self._store.get(take.audio_key)
        if stored.sha256 != take.audio_sha256:
            raise DataLoss(f"the sound of take {take.request_id} is damaged; make it again", reason="TAKE_DAMAGED")
        return await asyncio.to_thread(pcm_in, stored.data)

    async def codes(self, take: generate_pb2.Take) -> Codes:
        """The take's tokens, `[codebooks, frames]`.

        Raises:
            FailedPrecondition: it is a version without tokens, or was played live.
            DataLoss: they are damaged.
        """
        if not take.codes_key and take.is_performed:
            message = f"take {take.request_id} was played live and has no tokens; nothing can start from it"
            raise FailedPrecondition(message, reason="NO_TOKENS")
        if not take.codes_key and take.backend:
            message = f"take {take.request_id} was made by {take.backend} and has no tokens to go on from"
            raise FailedPrecondition(message, reason="NO_TOKENS")
        if not take.codes_key:
            origin = take.narration.take_request_id
            message = (
                f"take {take.request_id} is a narrated version without tokens; use take {origin}, which it was made of"
            )
            raise FailedPrecondition(message, reason="NO_TOKENS")
        stored = await self._store.get(take.codes_key)
        if stored.sha256 != take.codes_sha256:
            raise DataLoss(f"the tokens of take {take.request_id} are damaged", reason="TAKE_DAMAGED")
        return parse_codes(stored.data)[0]

    async def write_checkpoint(self, request_id: str, request_digest: str, codes: Codes) -> None:
        """Stores the tokens of a take in the making. A failure of the store is logged and does not stop the music."""
        try:
            document = codes_document(codes, request_digest, written_ms=self._clock_ms())
            await self._store.put(checkpoint_key(request_id), document)
        except ResonanceError as failure:
            _log.warning("the checkpoint could not be written", request_id=request_id, reason=failure.reason)

    async def read_checkpoint(self, request_id: str, request_digest: str) -> Codes | None:
        """The tokens of an earlier attempt at the same request; None where there is no whole checkpoint of it."""
        try:
            codes, digest = parse_codes((await self._store.get(checkpoint_key(request_id))).data)
        except (NotFound, DataLoss):
            return None
        return codes if digest == request_digest else None

    async def restore(self, take: generate_pb2.Take, pcm: bytes) -> bool:
        """Stores the audio of a take again. Returns False, and stores nothing, where its digest is not the take's."""
        data, sha256 = await asyncio.to_thread(_to_wav, take, [pcm])
        if sha256 == take.audio_sha256:
            await self._store.put(take.audio_key, data)
        return sha256 == take.audio_sha256

    async def save(self, take: generate_pb2.Take, pcm: Sequence[bytes], codes: Codes | None = None) -> None:
        """Stores a finished take, whose samples come in parts. Its tempo and key are heard in the background and added.

        A take that another call of the same request has stored already keeps its place in the list. A version without tokens keeps the
        tempo and the key of its take.
        """
        if codes is not None:
            document = codes_document(codes, "")
            take.codes_key, take.codes_sha256 = take_codes_key(take.request_id), sha256_hex(document)
            await self._store.put(take.codes_key, document)
        file, sha256 = await asyncio.to_thread(_to_wav, take, pcm)
        take.audio_key, take.audio_sha256 = take_audio_key(take.request_id), sha256
        take.create_time.GetCurrentTime()
        with suppress(DataLoss):  # a damaged description is replaced
            if earlier := await self.find(take.request_id):
                take.create_time.CopyFrom(earlier.create_time)
        await self._store.put(take.audio_key, file)
        await self._store.put(_index_key(take), b"")
        await self._store.put(take_key(take.request_id), _to_document(take))
        await self._store.delete(checkpoint_key(take.request_id))
        if codes is None:
            return
        mono = await asyncio.to_thread(_first_channel, pcm, take.format)
        told_bpm = take.asked.told_bpm if take.asked.HasField("told_bpm") else None
        self.run_in_background(self._add_heard(take.request_id, mono, take.format.sample_rate_hz, told_bpm))

    def run_in_background(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Starts work whose result no call waits for; `close` cancels it."""
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return task

    async def page(self, page_size: int, page_token: str) -> tuple[list[generate_pb2.Take], str]:
        """A page of takes, newest first, and the token of the next page (empty at the end)."""
        size, last = page_size or _PAGE, ""
        takes: list[generate_pb2.Take] = []
        if page_token and not _TOKEN.fullmatch(page_token):
            raise invalid_field("page_token", "MALFORMED", "is not a token that this service gave")
        async with aclosing(self._index()) as keys:
            async for key in keys:
                if key <= page_token:
                    continue
                if len(takes) == size:
                    return takes, last
                with suppress(DataLoss):  # left out of the list; `resonance store check` names it
                    take = await self.find(key.split("-", 2)[2])
                    # Two calls of one request that end at once each write an entry; only the one that the take names counts.
                    if take is not None and key == _index_key(take):
                        takes.append(take)
                last = key
        return takes, ""

    async def delete(self, request_id: str) -> None:
        """Removes a take with its audio and tokens. Raises NotFound."""
        take = await self.get(request_id)
        await self._store.delete(take_key(request_id))
        await self._store.delete(take.audio_key)
        if take.codes_key:
            await self._store.delete(take.codes_key)
        await self._store.delete(take_timeline_key(request_id))
        await self._store.delete(_index_key(take))
        await self._store.delete(request_key(request_id))

    async def close(self) -> None:
        """Cancels writes of checkpoints and the hearing of takes."""
        tasks = list(self._background)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _index(self) -> AsyncGenerator[str, None]:
        async for key in self._store.keys(TAKE_INDEX):
            yield key

    async def _add_heard(self, request_id: str, pcm: bytes, sample_rate_hz: int, told_bpm: float | None) -> None:
        started_s = time.perf_counter()
        try:
            async with self._hearing_turn:
                heard = await hear_in_child(pcm, sample_rate_hz, told_bpm)
            await self._write_heard(request_id, heard)
        except NotFound:
            return  # the take was deleted meanwhile
        except Exception as failure:
            _log.warning("the take could not be heard", request_id=request_id, exc_info=failure)
        _log.debug("take heard", request_id=request_id, took_s=round(time.perf_counter() - started_s, 2))

    async def _write_heard(self, request_id: str, heard: Heard) -> None:
        stored = await self._store.get(take_key(request_id))
        take = json_format.Parse(stored.data, generate_pb2.Take())
        take.heard.CopyFrom(generate_pb2.HeardMusic(**heard))
        if take.heard.HasField("bpm"):
            take.bpm = take.heard.bpm
        with suppress(Conflict):  # another call of the same request has written it
            await self._store.replace(take_key(request_id), _to_document(take), version=stored.version)


def _index_key(take: generate_pb2.Take) -> str:
    return take_index_key(take.create_time.ToMilliseconds(), take.request_id)


def _first_channel(pcm: Sequence[bytes], audio_format: audio_pb2.AudioFormat) -> bytes:
    """The first channel, as far as the meters hear it."""
    head, wanted = bytearray(), 2 * audio_format.channel_count * round(SECONDS_MAX * audio_format.sample_rate_hz)
    for part in pcm:
        if len(head) >= wanted:
            break
        head += part[: wanted - len(head)]
    return np.frombuffer(head, "<i2")[:: audio_format.channel_count].tobytes()


def _to_wav(take: generate_pb2.Take, pcm: Sequence[bytes]) -> tuple[bytes, str]:
    """The take as a WAV file with its provenance, and the file's SHA-256.

    Long takes have tens of megabytes: call it on a thread, never on the event loop.
    """
    header = wav_header(
        sample_rate_hz=take.format.sample_rate_hz,
        channel_count=take.format.channel_count,
        sample_count=sum(map(len, pcm)) // 2 // take.format.channel_count,
        info=provenance_texts(take),
    )
    file = b"".join([header, *pcm])
    return file, sha256_hex(file)


def _to_document(take: generate_pb2.Take) -> bytes:
    return json_format.MessageToJson(take, indent=None).encode()
