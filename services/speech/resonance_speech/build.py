"""Composition root of the speech service.

Its own process and the all-in-one process use it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from resonance.errors import InvalidInput
from resonance.google.door import GoogleDoor, open_google
from resonance.places import prepare_folder
from resonance.rpc import RpcServer, open_service_channel
from resonance.settings import Settings
from resonance.store.protocol import ObjectStore
from resonance.v1 import speech_pb2, speech_pb2_grpc
from resonance_speech.narration.narrator import Narrator
from resonance_speech.recognition.google_recognizer import GoogleRecognizer
from resonance_speech.recognition.recognizer import Recognizer
from resonance_speech.recognition.transcription import Transcription
from resonance_speech.recognition.transcription_server import TranscriptionServer
from resonance_speech.recognition.whisper import Whisper, find_weights
from resonance_speech.service import SpeechService
from resonance_speech.voices.embedded import EmbeddedVoice
from resonance_speech.voices.google_voice import open_google_voices
from resonance_speech.voices.speech_server import ServerVoice
from resonance_speech.voices.voice import Voice

_SLOTS = 2


class Speech:
    """The servicer, ready to be added to a server."""

    def __init__(self, service: SpeechService) -> None:
        self._service = service

    def add_to(self, server: RpcServer) -> None:
        """Registers SpeechService."""
        name = speech_pb2.DESCRIPTOR.services_by_name["SpeechService"].full_name
        server.add(name, lambda inner: speech_pb2_grpc.add_SpeechServiceServicer_to_server(self._service, inner))


@asynccontextmanager
async def open_speech(settings: Settings, store: ObjectStore) -> AsyncIterator[Speech]:
    """Opens the service. Voice and recognizer load their models at their first use. The store has the sums of what Google costs.

    Raises:
        InvalidInput: RESONANCE_RECOGNIZER_FOLDER has no model, or Google's voices or recognizer are asked for without a key.
    """
    folder = await asyncio.to_thread(prepare_folder, settings.data_dir / "recordings", setting="RESONANCE_DATA_DIR")
    wants_google = settings.google_voices or settings.recognizer == "google"
    door = open_google(settings, store) if wants_google else None
    recognizer = _open_recognizer(settings, door)
    speaking = _open_client(settings.speech_server, settings.speech_server_key)
    channel = open_service_channel(settings, "generate")
    service = SpeechService(
        _open_voices(settings, speaking, door),
        Narrator(channel),
        Transcription(recognizer, folder),
        slot_count=_SLOTS,
    )
    try:
        yield Speech(service)
    finally:
        await recognizer.close()
        await speaking.aclose()
        await channel.close()
        if door is not None:
            await door.close()


def _open_voices(settings: Settings, client: httpx.AsyncClient, door: GoogleDoor | None) -> list[Voice]:
    """The server's voices first, where there is a server; the embedded one is always there. Google's are spoken by name alone."""
    voices: list[Voice] = []
    if settings.speech_server:
        is_local = _is_loopback(settings.speech_server)
        names = [name.strip() for name in settings.speech_server_voices.split(",") if name.strip()]
        voices += [
            ServerVoice(client, model=settings.speech_server_model, name=name, is_local=is_local) for name in names
        ]
    google = open_google_voices(door, model=settings.gemini_speech_model, names=settings.google_voices)
    return [*voices, EmbeddedVoice(), *google]


def _open_recognizer(settings: Settings, door: GoogleDoor | None) -> Recognizer:
    if settings.recognizer == "google":
        if door is None:
            message = "RESONANCE_RECOGNIZER=google needs a key in RESONANCE_GEMINI_API_KEY"
            raise InvalidInput(message, reason="INVALID_SETTING")
        return GoogleRecognizer(door, model=settings.gemini_transcription_model)
    if settings.transcription_server:
        client = _open_client(settings.transcription_server, settings.transcription_server_key)
        is_local = _is_loopback(settings.transcription_server)
        return TranscriptionServer(client, model=settings.transcription_server_model, is_local=is_local)
    if settings.recognizer_folder:
        folder = Path(settings.recognizer_folder)
        if not (folder / "model.bin").is_file():
            message = f"RESONANCE_RECOGNIZER_FOLDER: there is no model.bin in {folder}; it must be a Whisper model for CTranslate2"
            raise InvalidInput(message, reason="INVALID_SETTING")
        return Whisper(folder, sha256="")
    return Whisper(find_weights() or Path("missing"))


def _open_client(address: str, key: str) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return httpx.AsyncClient(base_url=f"{address}/" if address else "", headers=headers)


def _is_loopback(address: str) -> bool:
    host = urlsplit(address).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
