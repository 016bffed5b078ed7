"""The one way by which sound leaves: choice, live stream and kept file.

`Delivery` knows the settings; a `Choice` is what one caller asked for. A live stream (`LiveFile`) is made while the music is, and a
kept file (`Delivery.file`) of whole samples. Each exit of the product calls one of the two.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np

from resonance.audio.delivery.credentials import Credentials, open_credentials, signed
from resonance.audio.delivery.encoder import Encoder
from resonance.audio.delivery.formats import WAV, FileFormat
from resonance.audio.delivery.master import (
    CEILING_DBTP,
    LOSSY_CEILING_DBTP,
    LiveMaster,
    Mastering,
    master_kept,
    master_loop,
)
from resonance.audio.delivery.tags import Provenance
from resonance.audio.wav import CHUNK_HEADER_BYTES, pcm16, wav_header
from resonance.errors import invalid_field
from resonance.ids import canonical_digest
from resonance.settings import Settings

# Part of the content key of kept files: another number makes them anew.
_VERSION = 1
# Room for content credentials behind the samples of a live WAV file, whose length is told before they exist.
_TRAILER_BYTES = 16 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What a caller asked for: the format; `is_raw`, the model's own samples to the bit; `is_levelled`, the target loudness."""

    form: FileFormat = WAV
    is_raw: bool = False
    is_levelled: bool = True

    def __post_init__(self) -> None:
        if self.is_raw and not self.form.is_lossless:
            raise invalid_field("format", "NOT_LOSSLESS", f"raw samples need wav or flac, not {self.form.name}")


class Delivery:
    """The settings of all exits of one process.

    The certificate is made when the first file is signed, if there is none yet. An operator's own is read at once, so that a wrong
    setting ends the start. `can_sign` is False where the process has no C2PA library (the bare Python client).
    """

    def __init__(self, settings: Settings) -> None:
        self._target_lufs = settings.loudness_target_lufs
        self._key = settings.watermark_key
        self._is_watermarked = settings.watermark
        self._settings = settings
        self.can_sign = settings.c2pa and find_spec("c2pa") is not None
        self._opening = threading.Lock()
        self._opened: Credentials | None = None
        if self.can_sign and (settings.c2pa_certificate or settings.c2pa_key):
            self._opened = open_credentials(settings)

    @property
    def _credentials(self) -> Credentials | None:
        with self._opening:
            if self._opened is None and self.can_sign:
                self._opened = open_credentials(self._settings)
            return self._opened

    def prepare(self) -> None:
        """Opens the certificate and masters a moment of sound, so that no first listener waits for either."""
        with suppress(OSError):  # a data folder that cannot be written is told where a file is signed
            _ = self._credentials
        master = LiveMaster(Mastering(watermark_payload=b"\0\0\0"), sample_rate_hz=32_000, channel_count=1)
        master.push(bytes(32_000))

    def content_key(self, audio_sha256: str, choice: Choice) -> str:
        """The name of a kept file: the same samples under the same choice and settings have the same name."""
        mastering = self._mastering(choice, b"\0\0\0")
        made = [choice.form.name, choice.is_raw, repr(mastering), self.can_sign]
        return canonical_digest([_VERSION, audio_sha256, *map(str, made)])

    def file(
        self, pcm: bytes, provenance: Provenance, choice: Choice, *, sample_rate_hz: int, channel_count: int
    ) -> bytes:
        """The kept file of whole samples (interleaved 16-bit PCM). It computes for a while: call it on a thread."""
        if not choice.is_raw:
            mastering = self._mastering(choice, provenance.payload)
            master = master_loop if provenance.is_loop else master_kept
            mastered = master(pcm, mastering, sample_rate_hz=sample_rate_hz, channel_count=channel_count)
            pcm = pcm16(mastered.astype(np.float32))  # the samples of WAV and FLAC are the same
        if choice.form is WAV:
            header = wav_header(
                sample_rate_hz=sample_rate_hz,
                channel_count=channel_count,
                sample_count=len(pcm) // (2 * channel_count),
                info=provenance.info,
            )
            data = header + pcm
        else:
            encoder = self._encoder(choice.form, provenance, sample_rate_hz, channel_count, is_streamed=False)
            encoder.push_pcm(pcm)
            data = encoder.finish()
        return self._signed(choice.form, data, provenance)

    def live(
        self,
        provenance: Provenance,
        choice: Choice,
        *,
        sample_rate_hz: int,
        channel_count: int,
        sample_count: int | None,
    ) -> LiveFile:
        """A file that is sent while the music is made; `sample_count` is its length where that is known."""
        master: LiveMaster | None = None
        if not choice.is_raw:
            mastering = self._mastering(choice, provenance.payload)
            master = LiveMaster(mastering, sample_rate_hz=sample_rate_hz, channel_count=channel_count)
        encoder: Encoder | None = None
        if choice.form is not WAV:
            encoder = self._encoder(choice.form, provenance, sample_rate_hz, channel_count, is_streamed=True)
        return LiveFile(
            master,
            encoder,
            provenance,
            self._credentials if encoder is None and sample_count is not None else None,
            sample_rate_hz=sample_rate_hz,
            channel_count=channel_count,
            sample_count=sample_count,
        )

    def live_samples(
        self, provenance: Provenance, choice: Choice, *, sample_rate_hz: int, channel_count: int
    ) -> LiveMaster:
        """Levelled and watermarked samples without a file around them: of live music, and of a stream that is resumed."""
        mastering = self._mastering(choice, provenance.payload)
        return LiveMaster(mastering, sample_rate_hz=sample_rate_hz, channel_count=channel_count)

    def _mastering(self, choice: Choice, payload: bytes) -> Mastering:
        return Mastering(
            target_lufs=self._target_lufs if choice.is_levelled else None,
            ceiling_dbtp=CEILING_DBTP if choice.form.is_lossless else LOSSY_CEILING_DBTP,
            watermark_key=self._key,
            watermark_payload=payload if self._is_watermarked else None,
        )

    def _encoder(
        self, form: FileFormat, provenance: Provenance, sample_rate_hz: int, channel_count: int, *, is_streamed: bool
    ) -> Encoder:
        return Encoder(
            form,
            sample_rate_hz=sample_rate_hz,
            channel_count=channel_count,
            tags=provenance.tags,
            cover=provenance.cover,
            is_streamed=is_streamed,
        )

    def _signed(self, form: FileFormat, data: bytes, provenance: Provenance) -> bytes:
        credentials = self._credentials if form.c2pa_type else None
        return signed(credentials, form.c2pa_type, data, provenance) if credentials else data


class LiveFile:
    """One file in the making. `push` and `finish` compute: call them on a thread.

    A WAV file's length is known before its first byte (`byte_count`), its content credentials included: they stand behind the
    samples, in room that is set aside for them.
    """

    def __init__(
        self,
        master: LiveMaster | None,
        encoder: Encoder | None,
        provenance: Provenance,
        credentials: Credentials | None,
        *,
        sample_rate_hz: int,
        channel_count: int,
        sample_count: int | None,
    ) -> None:
        self._master, self._encoder = master, encoder
        self._provenance = provenance
        self._credentials = credentials if encoder is None else None
        self._sent = io.BytesIO()
        self._trailer_bytes = 0
        self._header: bytes | None = None
        self._pcm_bytes = None if sample_count is None else sample_count * channel_count * 2
        if encoder is None:
            self._trailer_bytes = _trailer_bytes(provenance.info) if self._credentials else 0
            self._header = wav_header(
                sample_rate_hz=sample_rate_hz,
                channel_count=channel_count,
                sample_count=sample_count,
                info=provenance.info,
                trailer_bytes=self._trailer_bytes,
            )

    @property
    def byte_count(self) -> int | None:
        """The exact size, where it is known before the end: of a WAV file."""
        if self._header is None or self._pcm_bytes is None:
            return None
        return len(self._header) + self._pcm_bytes + self._trailer_bytes

    def start(self) -> bytes:
        """The bytes before the first sample."""
        if self._encoder is not None:
            return self._encoder.push_pcm(b"")
        assert self._header is not None
        return self._kept(self._header)

    def push(self, pcm: bytes) -> bytes:
        """The bytes that are ready after these samples, interleaved 16-bit PCM."""
        return self._encoded(self._master.push(pcm) if self._master else pcm)

    def finish(self) -> bytes:
        """The bytes that are still held back, and the trailer."""
        rest = self._encoded(self._master.finish()) if self._master else b""
        if self._encoder is not None:
            return rest + self._encoder.finish()
        return rest + self._trailer()

    def _encoded(self, pcm: bytes) -> bytes:
        return self._encoder.push_pcm(pcm) if self._encoder is not None else self._kept(pcm)

    def _kept(self, data: bytes) -> bytes:
        """The bytes, remembered for the signature over them."""
        if self._credentials is not None:
            self._sent.write(data)
        return data

    def _trailer(self) -> bytes:
        """Filling and content credentials, together as long as was said in the header."""
        if self._credentials is None:
            return b""
        plain = self._sent.getvalue()
        self._sent = io.BytesIO()
        room = self._trailer_bytes
        filling = 0
        for _ in range(3):
            source = io.BytesIO(_with_filling(plain, filling))
            target = io.BytesIO()
            self._credentials.sign("audio/wav", source, target, self._provenance)
            made = target.getvalue()
            size = len(made) - len(plain)
            if size == room and made[: len(plain)] == plain:
                return made[len(plain) :]
            filling += room - size
            if filling < CHUNK_HEADER_BYTES:
                break
        return b"JUNK" + (room - 8).to_bytes(4, "little") + bytes(room - 8)  # credentials that do not fit are left out


def _with_filling(wav: bytes, size: int) -> bytes:
    """The file with a JUNK chunk of `size` bytes behind its samples, and the RIFF length that goes with it."""
    junk = b"JUNK" + (size - 8).to_bytes(4, "little") + bytes(size - 8) if size else b""
    whole = wav + junk
    return whole[:4] + (len(whole) - 8).to_bytes(4, "little") + whole[8:]


def _trailer_bytes(info: Mapping[str, str]) -> int:
    texts = sum(len(text.encode()) for text in info.values())
    return _TRAILER_BYTES + 2 * (texts + texts % 2)
