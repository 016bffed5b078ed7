"""Veo on Vertex AI: clips by long-running operations, each counted before it is asked for and found again by a later process."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from resonance.errors import InvalidInput, NotFound, invalid_field
from resonance.google.counting import CountedCalls
from resonance.google.door import MediaAnswer, decode_media
from resonance.google.failures import filtered, read_status, to_operation_error, wrong_answer
from resonance.google.prices import Kind
from resonance.google.spending import Spending, current_request, note_paid, open_spending
from resonance.identity import current_owner
from resonance.ids import canonical_digest
from resonance.settings import Settings
from resonance.store.keys import operation_key
from resonance.store.protocol import ObjectStore

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_POLL_S = 5.0
Picture = tuple[bytes, str]


class VertexDoor:
    """Calls to Veo in one project. Refusals, ceilings and wrong answers are domain errors; credentials stand in none of them."""

    def __init__(
        self, settings: Settings, credentials: Any, spending: Spending, store: ObjectStore, *, poll_s: float = _POLL_S
    ) -> None:
        import httpx
        from google import genai
        from google.genai import types

        from resonance.google.transport import LimitedTransport

        self._credentials = credentials
        self._media_s_max, self._poll_s, self._store = settings.google_media_s_max, poll_s, store
        self._calls = CountedCalls(spending, running_max=settings.google_calls_running_max)
        self._http = httpx.AsyncClient(timeout=settings.gemini_s_max, transport=LimitedTransport())
        options = types.HttpOptions(
            base_url=settings.vertex_url or None,
            timeout=round(1000 * settings.gemini_s_max),
            httpx_async_client=self._http,
            retry_options=types.HttpRetryOptions(attempts=1),
        )
        self._client: Any = genai.Client(
            vertexai=True,
            project=settings.vertex_project,
            location=settings.vertex_location,
            credentials=credentials,
            http_options=options,
        )

    @property
    def spending(self) -> Spending:
        """The sums of the installation."""
        return self._calls.spending

    async def make_clip(
        self,
        model: str,
        prompt: str,
        references: Sequence[Picture],
        *,
        aspect: str,
        seconds: int,
        seed: int,
        digest: str,
    ) -> MediaAnswer:
        """A clip without sound.

        The name of the operation is stored before it is waited for: where this process ends, the same call in another one waits for the
        same operation, and nothing is paid for twice.

        Args:
            model: the model's name.
            prompt: what is asked for.
            references: pictures of persons with their media types.
            aspect: `16:9` or `9:16`.
            seconds: the clip's length.
            seed: repeats a clip, as far as the model does.
            digest: that of all that decides the clip.

        Raises:
            FailedPrecondition, Overloaded: there is no price, a ceiling is reached, or Google is busy.
            InvalidInput: Google refuses the words or the request.
            Unavailable, DeadlineExceeded: another try may succeed.
        """
        key = operation_key(canonical_digest([current_owner(), current_request(), digest]))
        known = await self._find(key)
        quantity = 0.0 if known else float(seconds)
        async with self._calls.counted(Kind.VEO_S, quantity, model) as cost, asyncio.timeout(self._media_s_max):
            if known:
                name, cost = known
                note_paid(cost)
            else:
                name = await self._begin(model, prompt, references, aspect=aspect, seconds=seconds, seed=seed)
                await self._store.put(key, json.dumps({"name": name, "cost_usd": cost}).encode())
            try:
                operation = await self._wait(name)
            except Exception as failure:
                if read_status(failure) == 404:  # Google has forgotten it
                    await self._store.delete(key)
                raise
            await self._store.delete(key)
            if operation.error:
                raise to_operation_error(operation.error, model)
            return _read_clip(operation.response, model, cost)

    async def _find(self, key: str) -> tuple[str, float] | None:
        """Name and cost of a call that an earlier process has made."""
        try:
            known = json.loads((await self._store.get(key)).data)
        except NotFound:
            return None
        return str(known["name"]), float(known["cost_usd"])

    async def _begin(
        self, model: str, prompt: str, references: Sequence[Picture], *, aspect: str, seconds: int, seed: int
    ) -> str:
        from google.genai import types

        pictures = [
            types.VideoGenerationReferenceImage(
                image=types.Image(image_bytes=data, mime_type=media_type),
                reference_type=types.VideoGenerationReferenceType.ASSET,
            )
            for data, media_type in references
        ]
        config = types.GenerateVideosConfig(
            number_of_videos=1,
            duration_seconds=seconds,
            aspect_ratio=aspect,
            resolution="720p",
            generate_audio=False,
            seed=seed % 2**32,
            reference_images=pictures or None,
        )
        source = types.GenerateVideosSource(prompt=prompt)
        await self._refresh()
        operation = await self._client.aio.models.generate_videos(model=model, source=source, config=config)
        if not operation.name:
            raise wrong_answer(model, "an operation without a name")
        return str(operation.name)

    async def _wait(self, name: str) -> Any:
        from google.genai import types

        operation: Any = types.GenerateVideosOperation(name=name)
        while not operation.done:
            await self._refresh()
            operation = await self._client.aio.operations.get(operation)
            if not operation.done:
                await asyncio.sleep(self._poll_s)
        return operation

    async def _refresh(self) -> None:
        """Gets a new access token where the last one is old. The library would do it too, and leave its connection open."""
        if not self._credentials.valid:
            await asyncio.to_thread(_refresh, self._credentials)

    async def close(self) -> None:
        """Closes its connections."""
        await self._http.aclose()
        self._client.close()


def open_vertex(settings: Settings, store: ObjectStore) -> VertexDoor | None:
    """The door where `RESONANCE_VERTEX_PROJECT` is set; else None.

    Credentials are those of `RESONANCE_VERTEX_CREDENTIALS_FILE`, else the ones that Google's library finds on this machine.

    Raises:
        InvalidInput: there are no credentials, or the prices are malformed.
    """
    if not settings.vertex_project:
        return None
    return VertexDoor(
        settings, _find_credentials(settings.vertex_credentials_file), open_spending(settings, store), store
    )


def _refresh(credentials: Any) -> None:
    import requests
    from google.auth.transport.requests import Request

    with requests.Session() as session:
        credentials.refresh(Request(session=session))


def _find_credentials(file: Path | None) -> Any:
    import google.auth
    from google.auth.exceptions import GoogleAuthError

    try:
        if file is None:
            return google.auth.default(scopes=[_SCOPE])[0]
        return google.auth.load_credentials_from_file(str(file), scopes=[_SCOPE])[0]  # type: ignore[no-untyped-call]
    except (GoogleAuthError, OSError, ValueError):
        name = "RESONANCE_VERTEX_CREDENTIALS_FILE"
        if file is not None:
            raise invalid_field(name, "INVALID_SETTING", "is no file of Google credentials that can be read") from None
        message = f"RESONANCE_VERTEX_PROJECT needs credentials: name their file in {name}"
        raise InvalidInput(message, reason="INVALID_SETTING") from None


def _read_clip(response: Any, model: str, cost: float) -> MediaAnswer:
    videos = response.generated_videos if response is not None else None
    if not videos:
        if response is not None and response.rai_media_filtered_count:
            raise filtered(model, "its filters took the clip")
        raise wrong_answer(model, "no video")
    video = videos[0].video
    if video is None or not video.video_bytes:
        raise wrong_answer(model, "a clip that lies elsewhere, or none")
    media_type = str(video.mime_type or "")
    if not media_type.startswith("video/"):
        raise wrong_answer(model, f"{media_type[:40] or 'something without a type'} in place of video")
    return MediaAnswer(data=decode_media(video.video_bytes, model), media_type=media_type, text="", cost_usd=cost)
