"""Gemini client through google-genai: schema, deadline, one error type."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from resonance.errors import Unavailable
from resonance.settings import Settings

if TYPE_CHECKING:
    from pydantic import BaseModel

    Answer = TypeVar("Answer", bound=BaseModel)


class Gemini:
    """A Gemini model that answers in JSON. `parts` of a question are texts, or WAV files as bytes."""

    def __init__(self, *, api_key: str, model: str, url: str, answer_s_max: float) -> None:
        import httpx
        from google import genai
        from google.genai import types

        self.model = model
        self._answer_s_max = answer_s_max
        # We pass our own HTTP client, because the library does not close the connections of its own.
        self._http = httpx.AsyncClient(timeout=answer_s_max)
        options = types.HttpOptions(
            base_url=url or None, timeout=round(1000 * answer_s_max), httpx_async_client=self._http
        )
        self._client: Any = genai.Client(api_key=api_key, vertexai=False, http_options=options)

    async def ask(self, parts: Sequence[str | bytes], *, instruction: str, schema: type[Answer]) -> Answer:
        """The model's answer, checked against the schema. Raises Unavailable for every failure."""
        from google.genai import errors, types

        config = types.GenerateContentConfig(
            system_instruction=instruction,
            response_mime_type="application/json",
            response_schema=schema,
            temperature=0.0,
        )
        contents: Any = [
            types.Part.from_text(text=part)
            if isinstance(part, str)
            else types.Part.from_bytes(data=part, mime_type="audio/wav")
            for part in parts
        ]
        try:
            async with asyncio.timeout(self._answer_s_max):
                response = await self._client.aio.models.generate_content(
                    model=self.model, contents=contents, config=config
                )
            return schema.model_validate_json(response.text or "")
        except TimeoutError as failure:
            raise Unavailable(f"{self.model} took more than {self._answer_s_max:g} s") from failure
        except errors.APIError as failure:
            raise Unavailable(f"{self.model} refused: {failure.code} {failure.status}") from failure
        except ValueError as failure:
            raise Unavailable(f"{self.model} did not answer under the schema") from failure
        except Exception as failure:  # the library has two HTTP clients, each with its own errors
            raise Unavailable(f"{self.model} cannot be reached: {type(failure).__name__}") from failure

    async def close(self) -> None:
        """Closes its connections."""
        await self._http.aclose()
        self._client.close()


def open_gemini(settings: Settings) -> Gemini | None:
    """Gemini where `RESONANCE_GEMINI_API_KEY` is set, else None."""
    if not settings.gemini_api_key:
        return None
    return Gemini(
        api_key=settings.gemini_api_key,
        model=settings.gemini_model,
        url=settings.gemini_url,
        answer_s_max=settings.gemini_s_max,
    )
