"""Calls to Google's models: one client, no retries of its own, a limit on calls at once, each call counted before it is made."""

from __future__ import annotations

import asyncio
import base64
import binascii
import warnings
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from resonance.errors import Unavailable
from resonance.google.api_key import read_key
from resonance.google.counting import CountedCalls
from resonance.google.failures import filtered, to_domain_error, wrong_answer
from resonance.google.prices import Kind
from resonance.google.spending import Spending, open_spending
from resonance.settings import Settings
from resonance.store.protocol import ObjectStore

if TYPE_CHECKING:
    from pydantic import BaseModel

    Answer = TypeVar("Answer", bound=BaseModel)

_CALL_MARGIN_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaAnswer:
    """A picture, a clip or a song, with the text that came with it and what it cost by the operator's prices."""

    data: bytes
    media_type: str
    text: str
    cost_usd: float


class GoogleDoor:
    """The calls. Refusals of Google, ceilings and wrong answers are domain errors; the key stands in none of them."""

    def __init__(self, settings: Settings, api_key: str, spending: Spending) -> None:
        import httpx
        from google import genai
        from google.genai import types

        from resonance.google.transport import LimitedTransport

        self.spending = spending
        self._text_s_max, self._media_s_max = settings.gemini_s_max, settings.google_media_s_max
        self._calls = CountedCalls(spending, running_max=settings.google_calls_running_max)
        # We pass our own HTTP client, because the library does not close the connections of its own.
        self._http = httpx.AsyncClient(timeout=self._media_s_max, transport=LimitedTransport())
        options = types.HttpOptions(
            base_url=settings.gemini_url or None,
            timeout=round(1000 * self._media_s_max),
            httpx_async_client=self._http,
            # The library's own retries ignore `retry-after`; callers and the workflow engine retry instead.
            retry_options=types.HttpRetryOptions(attempts=1),
        )
        self._client: Any = genai.Client(api_key=api_key, vertexai=False, http_options=options)

    async def ask(
        self,
        model: str,
        parts: Sequence[str | bytes],
        *,
        instruction: str,
        schema: type[Answer],
    ) -> Answer:
        """An answer in JSON, checked against the schema. `parts` are texts, or WAV files as bytes.

        A text call is counted where the operator has set a price for `text`, and else not.

        Raises:
            InvalidInput: Google refuses the words (GOOGLE_FILTERED) or the request.
            Unavailable, DeadlineExceeded, Overloaded: there is no answer now, or none under the schema.
        """
        from google.genai import types

        config = types.GenerateContentConfig(
            system_instruction=instruction,
            response_mime_type="application/json",
            response_schema=schema,
            temperature=0.0,
        )
        contents = [
            types.Part.from_text(text=part)
            if isinstance(part, str)
            else types.Part.from_bytes(data=part, mime_type="audio/wav")
            for part in parts
        ]
        is_priced = Kind.TEXT in self.spending.prices.usd
        async with self._calls.counted(Kind.TEXT, 1.0 if is_priced else 0.0, model):
            async with asyncio.timeout(self._text_s_max):
                response = await self._client.aio.models.generate_content(model=model, contents=contents, config=config)
            if not response.text and (why := _block_reason(response)):
                raise filtered(model, why)
        try:
            return schema.model_validate_json(response.text or "")
        except ValueError as failure:
            raise SchemaMismatch(model, response.text or "", failure) from failure

    async def make(
        self,
        model: str,
        wanted: Sequence[dict[str, Any]] | str,
        *,
        response_format: dict[str, Any],
        kind: Kind,
        quantity: float,
        generation_config: dict[str, Any] | None = None,
    ) -> MediaAnswer:
        """One picture, clip, song or spoken sentence by an interaction. `wanted` is a text, or contents as the library takes them.

        Args:
            model: the model's name.
            wanted: what is asked for.
            response_format: its `type` is `image`, `video` or `audio`.
            kind: what is paid for.
            quantity: how much of it; it is counted for the video or take of `spending_on`.
            generation_config: settings of the interaction, such as the voice.

        Raises:
            FailedPrecondition: there is no price for it.
            Overloaded: a ceiling is reached (SPENDING_CEILING), or Google is busy (GOOGLE_BUSY), with a time.
            InvalidInput: Google refuses the words or the request.
            Unavailable, DeadlineExceeded: there is no answer, or not what was asked for; another try may succeed.
        """
        what = str(response_format["type"])
        async with self._calls.counted(kind, quantity, model) as cost, asyncio.timeout(self._media_s_max):
            answer = await self._client.aio.interactions.create(
                model=model,
                input=wanted,
                response_format=response_format,
                store=False,
                **({"generation_config": generation_config} if generation_config else {}),
            )
            text = answer.output_text or ""
            content = getattr(answer, f"output_{what}", None)
            if content is None and str(getattr(answer, "status", "")) in ("failed", "incomplete", "cancelled"):
                raise filtered(model, text or str(answer.status))
        if content is None:
            raise wrong_answer(model, f"no {what}")
        media_type = str(content.mime_type or "")
        if not media_type.startswith(f"{what}/"):
            raise wrong_answer(model, f"{media_type[:40] or 'something without a type'} in place of {what}")
        return MediaAnswer(data=decode_media(content.data, model), media_type=media_type, text=text, cost_usd=cost)

    async def transcribe(self, model: str, wav: bytes, *, vocabulary: Sequence[str], seconds: float) -> str:
        """What is said in a recording; empty where nothing is. `vocabulary` are words that are likely to be said.

        Raises what `make` raises.
        """
        recording = {"type": "audio", "mime_type": "audio/wav", "data": base64.b64encode(wav).decode()}
        config = {"transcription_config": {"mode": "verbatim", "custom_vocabulary": list(vocabulary)}}
        async with self._calls.counted(Kind.HEARING_S, seconds, model), asyncio.timeout(self._text_s_max):
            answer = await self._client.aio.interactions.create(
                model=model,
                input=[recording],
                response_format={"type": "text"},
                generation_config=config,
                store=False,
            )
            if str(getattr(answer, "status", "")) in ("failed", "incomplete", "cancelled"):
                raise filtered(model, answer.output_text or str(answer.status))
        return (answer.output_text or "").strip()

    @asynccontextmanager
    async def live_music(self, model: str) -> AsyncIterator[Any]:
        """A session of live music (`google.genai.live_music.AsyncMusicSession`). Raises as `ask`; a cut socket is Unavailable."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of the library about its own experimental part
                async with asyncio.timeout(self._text_s_max):
                    opening = self._client.aio.live.music.connect(model=model)
                    session = await opening.__aenter__()
        except Exception as failure:
            raise to_domain_error(failure, model) from None
        try:
            yield session
        finally:
            try:
                async with asyncio.timeout(_CALL_MARGIN_S):
                    await opening.__aexit__(None, None, None)
            except Exception as failure:
                del failure  # a socket that is cut already cannot be closed

    async def close(self) -> None:
        """Closes its connections."""
        await self._http.aclose()
        self._client.close()


class SchemaMismatch(Unavailable):
    """An answer that is not under its schema. `answer` is its text and `faults` say what is wrong, for a round of repair."""

    def __init__(self, model: str, answer: str, failure: ValueError) -> None:
        super().__init__(f"{model} did not answer under the schema", reason="GOOGLE_WRONG_ANSWER")
        self.answer = answer
        self.faults = _fault_lines(failure)


def open_google(settings: Settings, store: ObjectStore) -> GoogleDoor | None:
    """The door where a key is set, in `RESONANCE_GEMINI_API_KEY` or in the file of `RESONANCE_GEMINI_API_KEY_FILE`; else None.

    Raises:
        InvalidInput: the file cannot be read, both are set, or the prices are malformed.
    """
    key = read_key(settings)
    if not key:
        return None
    return GoogleDoor(settings, key, open_spending(settings, store))


def decode_media(data: Any, model: str) -> bytes:
    """The bytes of an answer, which the library may have decoded or not. Raises Unavailable where they are cut or none."""
    if isinstance(data, bytes):
        return data
    try:
        decoded = base64.b64decode(str(data or ""), validate=True)
    except (binascii.Error, ValueError):
        raise wrong_answer(model, "data that is cut or no base64") from None
    if not decoded:
        raise wrong_answer(model, "an empty file")
    return decoded


def _block_reason(response: Any) -> str:
    """Why a text answer is empty: the prompt's or the candidate's filter; empty where nothing was filtered."""
    feedback = getattr(response, "prompt_feedback", None)
    if feedback is not None and feedback.block_reason:
        return str(getattr(feedback.block_reason, "value", feedback.block_reason))
    for candidate in response.candidates or ():
        reason = str(getattr(candidate.finish_reason, "value", candidate.finish_reason or ""))
        if reason not in ("", "STOP", "MAX_TOKENS"):
            return reason
    return ""


def _fault_lines(failure: ValueError) -> tuple[str, ...]:
    from pydantic import ValidationError

    if not isinstance(failure, ValidationError):
        return (str(failure)[:300],)
    return tuple(
        f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in failure.errors(include_input=False)[:20]
    )
