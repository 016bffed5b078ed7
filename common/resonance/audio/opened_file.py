"""Opening of one untrusted file in the decoder child: container, codec and the sound track that is heard."""

from __future__ import annotations

import io
from typing import Any, BinaryIO

from resonance.audio.confinement import Refusal
from resonance.audio.formats import (
    CODECS,
    CONTAINERS,
    HEAD_BYTES,
    FileKind,
    begins_as_audio,
    codec_kind,
    find_kind,
    id3_bytes,
    protected,
)

_TAGS_MAX = 4  # ID3v2 tags in a row: some programs add one without removing the one before
_ZEROS_MIN, _ZEROS_MAX = 4096, 16 * 1024 * 1024  # of empty bytes before a song, as broken recorders leave them
# Sample entries of MP4 that hold encrypted sound: Apple's FairPlay and MPEG's common encryption.
_ENCRYPTED_TAGS = ("drms", "enca")
# ASF's objects that announce encryption (Windows Media DRM).
_ASF = b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"
_ASF_ENCRYPTION = (
    b"\xfb\xb3\x11\x22\x23\xbd\xd2\x11\xb4\xb7\x00\xa0\xc9\x55\xfc\x6e",
    b"\x14\xe6\x8a\x29\x22\x26\x17\x4c\xb9\x35\xda\xe0\x7e\xe9\x28\x9c",
)
# Containers whose header tells the length exactly. Of the others ffmpeg estimates it.
_EXACT = frozenset({"wav", "flac", "mov", "mp4", "matroska", "webm", "aiff", "caf", "w64", "au", "wv", "asf"})
_SIDE_TRACKS = ("comment", "hearing_impaired", "visual_impaired", "descriptions", "karaoke", "dub")
_UNKNOWN_BYTES_MIN = 0x7FFF_0000  # programs that write into a pipe put such sizes into the header of a WAV
_LENGTH_S_MAX = 7 * 24 * 3600.0


class SoundFile(io.RawIOBase):
    """A file from its first frame on: ID3v2 tags and empty bytes before it are skipped, because ffmpeg looks at 1 MB alone.

    `name` has the ending of the uploaded file, which decides for ffmpeg where the bytes fit several formats.
    """

    def __init__(self, file: BinaryIO, ending: str) -> None:
        self.name = f"track.{ending}" if ending else "track"
        self._file = file
        self._start = _find_start(file)
        self.byte_count = file.seek(0, io.SEEK_END) - self._start
        self.seek(0)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return self._file.read(size)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Seeks within the file. Damaged headers make ffmpeg ask for places before its beginning and far behind its end."""
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self.tell(), io.SEEK_END: self.byte_count}[whence]
        place = min(max(origin + offset, 0), self.byte_count)
        return self._file.seek(self._start + place) - self._start

    def tell(self) -> int:
        return self._file.tell() - self._start

    def head(self) -> bytes:
        """The first HEAD_BYTES, from which the kind of file is told; the next read begins after them."""
        self.seek(0)
        return self.read(HEAD_BYTES)


def open_container(source: SoundFile) -> Any:
    """The file as PyAV's container. Raises Refusal (COPY_PROTECTED, DAMAGED, ARCHIVE, FORMAT_NOT_READ, NOT_AUDIO)."""
    import av

    head = source.head()
    if head.startswith(_ASF) and any(mark in head for mark in _ASF_ENCRYPTION):
        raise _refusal(protected("a copy-protected WMA (Windows Media DRM)"))
    if (kind := find_kind(head)).reason in ("COPY_PROTECTED", "ARCHIVE"):
        raise _refusal(kind)
    source.seek(0)
    options = {"format_whitelist": CONTAINERS, "codec_whitelist": ",".join(CODECS), "probesize": "5000000"}
    try:
        return av.open(source, "r", options=options, metadata_errors="replace")
    except (av.error.FFmpegError, ValueError) as failure:
        if isinstance(failure, MemoryError):
            raise
        if begins_as_audio(head) and kind.reason == "NOT_AUDIO":
            message = "The file begins as audio, but it is cut off or damaged: no sound can be read from it."
            raise Refusal("DAMAGED", message) from failure
        raise _refusal(kind) from failure


def choose_stream(container: Any) -> Any:
    """The sound track that is heard: the one that is marked as default, commentaries and the like last, of those that are read.

    libavformat applies `codec_whitelist` while it probes only; PyAV's own decoder would take any codec.

    Raises:
        Refusal: there is none (NO_SOUND), it is copy-protected (COPY_PROTECTED), or its codec is not read (FORMAT_NOT_READ).
    """
    streams = container.streams.audio
    if not streams:
        raise Refusal("NO_SOUND", "The file has no sound: it holds no audio stream.")
    best = sorted(streams, key=_rank)
    readable = [stream for stream in best if _codec(stream) in CODECS and not _is_encrypted(stream)]
    if readable:
        return readable[0]
    if _is_encrypted(best[0]):
        raise _refusal(protected("a copy-protected file of a shop (such as M4P)"))
    raise _refusal(codec_kind(_codec(best[0])))


def announced_s(container: Any, stream: Any, head: bytes, byte_count: int) -> float:
    """The seconds that the header of a file of `byte_count` announces; 0 where it does not tell them exactly."""
    names = set(container.format.name.split(","))
    if not names & _EXACT and not ("mp3" in names and any(mark in head for mark in (b"Xing", b"Info", b"VBRI"))):
        return 0.0
    length_s = (container.duration or 0) / 1_000_000
    if stream.duration and stream.time_base:
        length_s = float(stream.duration * stream.time_base)
    length_s *= max(1.0, announced_bytes(head) / max(1, byte_count))
    return length_s if 0 < length_s < _LENGTH_S_MAX else 0.0


def announced_bytes(head: bytes) -> int:
    """The size of a WAV or W64 file by its own header; 0 where it tells none. ffmpeg takes the size of what is there for the length."""
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        size = int.from_bytes(head[4:8], "little")
        return size + 8 if 0 < size < _UNKNOWN_BYTES_MIN else 0
    return int.from_bytes(head[16:24], "little") if head[:4] == b"riff" and head[24:28] == b"wave" else 0


def is_cut_ogg(source: SoundFile) -> bool:
    """True for an Ogg file whose last page is torn, or does not say that it is the last."""
    place = source.tell()
    start = max(0, source.byte_count - 2 * 65_307)  # two pages of the largest size
    source.seek(start)
    tail = source.read(source.byte_count - start)
    source.seek(place)
    at = tail.rfind(b"OggS")
    if at < 0 or len(tail) < at + 27:
        return True
    segments = tail[at + 27 : at + 27 + tail[at + 26]]
    is_whole = len(segments) == tail[at + 26] and at + 27 + len(segments) + sum(segments) <= len(tail)
    return not is_whole or not tail[at + 5] & 4


def _codec(stream: Any) -> str:
    return str(stream.codec_context.name) if stream.codec_context is not None else ""


def _is_encrypted(stream: Any) -> bool:
    return stream.codec_context is not None and stream.codec_context.codec_tag in _ENCRYPTED_TAGS


def _rank(stream: Any) -> tuple[bool, bool, int]:
    marks = stream.disposition
    is_side = any(getattr(type(marks), name, 0) & marks for name in _SIDE_TRACKS)
    return bool(is_side), not marks & type(marks).default, int(stream.index)


def _refusal(kind: FileKind) -> Refusal:
    return Refusal(kind.reason, kind.message)


def _find_start(file: BinaryIO) -> int:
    """The place of the first byte that is neither of an ID3v2 tag nor of a long run of zeros."""
    size = file.seek(0, io.SEEK_END)
    start = 0
    for _ in range(_TAGS_MAX):
        file.seek(start)
        length = id3_bytes(file.read(10))
        if not length or start + length >= size:
            break
        start += length
    file.seek(start)
    zeros = 0
    while zeros < _ZEROS_MAX and (block := file.read(65_536)):
        rest = block.lstrip(b"\0")
        zeros += len(block) - len(rest)
        if rest:
            return start + zeros if zeros >= _ZEROS_MIN else start
    return start
