"""Decoder child: `python -m resonance.audio.decode_worker REQUEST` decodes one untrusted file.

It reads one open file, writes one open file and prints one line of JSON. Confinement forbids everything else.
"""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, BinaryIO

from resonance.audio import confinement
from resonance.audio.confinement import Refusal
from resonance.audio.level import LOUDNESS_LUFS_MIN, SILENCE_LUFS, TARGET_LUFS

if TYPE_CHECKING:
    from resonance.audio.downmix import FrontPowers

# ffmpeg's names. The demuxers that open other files (concat, hls, dash, image2, sdp ...) are not among
# them; this list, and not a protocol whitelist, is what stops a playlist that is named `song.mp3`.
FORMATS = "wav,mp3,flac,ogg,mov,mp4,m4a,matroska,webm,aac,aiff"
CODECS = (
    "mp3float,mp3,mp2float,mp2,aac,aac_fixed,flac,vorbis,libvorbis,opus,libopus,alac,pcm_s8,pcm_u8,pcm_s16le,pcm_s16be,"
    "pcm_s24le,pcm_s24be,pcm_s32le,pcm_s32be,pcm_f32le,pcm_f32be,pcm_f64le,pcm_f64be,pcm_alaw,pcm_mulaw,adpcm_ms,"
    "adpcm_ima_wav"
)
MEMORY_BYTES_MAX = 256 * 1024 * 1024
KEPT_S_MIN = 1.0  # the shortest decoded part of a damaged file that is used
_DAMAGES_MAX = 200
_BLOCK_SAMPLES = 1 << 18
_SAMPLE_MAX = 64.0  # 36 dB over full scale: beyond it a file holds no sound


def main() -> None:
    request = json.loads(sys.argv[1])
    os.nice(5)  # generation comes before decoding
    confinement.leave_network()
    _import_codecs()
    confinement.die_with_parent()
    with open(request["source"], "rb") as source, open(request["target"], "w+b") as target:
        confinement.limit_resources(
            cpu_s=request["cpu_s"], memory_bytes=MEMORY_BYTES_MAX, file_bytes=2 * request["decoded_bytes_max"]
        )
        confinement.forbid_files()
        print(json.dumps(_answer(source, target, request)), flush=True)


def _import_codecs() -> None:
    """Imports the modules that PyAV would import while it decodes, before files are forbidden."""
    import logging  # noqa: F401

    import av.audio.resampler
    import av.audio.stream
    import av.subtitles.stream
    import av.video.stream
    import numpy as np  # noqa: F401
    import numpy.fft  # noqa: F401

    from resonance.audio import downmix, loudness  # noqa: F401

    av.logging.set_level(av.logging.PANIC)


def _answer(source: BinaryIO, target: BinaryIO, request: dict[str, Any]) -> dict[str, Any]:
    try:
        return _Decoding(source, target, request).run()
    except Refusal as refusal:
        return {"reason": refusal.reason, "message": refusal.message}
    except MemoryError:
        return {"reason": "TOO_LARGE", "message": "The file needs more memory to decode than a song does."}
    except OSError as failure:
        return {"reason": "DISK_FULL", "message": f"The decoded track could not be written: {failure.strerror}."}


class _Decoding:
    """Decodes one file: resampled left and right are written to the target, then `Levelling` replaces them by mono."""

    def __init__(self, source: BinaryIO, target: BinaryIO, request: dict[str, Any]) -> None:
        from resonance.audio.downmix import FrontPowers

        self._source = source
        self._target = target
        self._rate_hz = int(request["sample_rate_hz"])
        self._duration_s_max = float(request["duration_s_max"])
        self._decoded_bytes_max = int(request["decoded_bytes_max"])
        self._sample_count = 0
        self._damages = 0
        self._powers = FrontPowers()

    def run(self) -> dict[str, Any]:
        container = self._opened()
        if not container.streams.audio:
            raise Refusal("NO_SOUND", "The file has no sound: it holds no audio stream.")
        self._check_codec(container.streams.audio[0].codec_context.name)
        for frame in self._resampled(container):
            self._write(frame)
        self._check_length()
        answer = Levelling(self._target, self._powers, self._sample_count, self._rate_hz).run()
        return {"sample_count": self._sample_count, "is_damaged": self._damages > 0, **answer}

    def _opened(self) -> Any:
        import av

        options = {"format_whitelist": FORMATS, "codec_whitelist": CODECS, "probesize": "5000000"}
        try:
            return av.open(self._source, "r", options=options, metadata_errors="replace")
        except (av.error.FFmpegError, ValueError) as failure:
            if isinstance(failure, MemoryError):
                raise
            self._source.seek(0)
            if _begins_as_audio(self._source.read(16)):
                message = "The file begins as audio, but it is cut off or damaged: no sound can be read from it."
                raise Refusal("DAMAGED", message) from failure
            raise Refusal("NOT_AUDIO", "The file is not audio in a format that can be read here.") from failure

    def _check_codec(self, name: str) -> None:
        """libavformat applies `codec_whitelist` while it probes only; PyAV's own decoder would take any codec."""
        if name not in CODECS.split(","):
            raise Refusal("NOT_AUDIO", f"The file's sound is coded as {name}, which is not read here.")

    def _resampled(self, container: Any) -> Iterator[Any]:
        """Frames of packed float at the rate, all channels. A file whose format changes half way gets a new resampler.

        Packed, because PyAV 18 counts one plane too many in planar frames of eight channels.
        """
        import av

        resampler, format_before = None, None
        try:
            for frame in self._frames(container):
                found = (frame.format.name, frame.layout.name, frame.sample_rate)
                if resampler is None or found != format_before:
                    yield from resampler.resample(None) if resampler else ()
                    resampler, format_before = av.AudioResampler("flt", rate=self._rate_hz), found
                frame.pts = None  # timestamps of untrusted files make the resampler insert silence
                yield from resampler.resample(frame)
            yield from resampler.resample(None) if resampler else ()
        except (av.error.FFmpegError, ValueError) as failure:
            if isinstance(failure, MemoryError):
                raise
            raise Refusal("DAMAGED", "The file's sound is in a form that makes no sense.") from failure

    def _frames(self, container: Any) -> Iterator[Any]:
        """Decoded frames. A packet that cannot be decoded is counted and left out."""
        import av

        stream = container.streams.audio[0]
        stream.codec_context.thread_count = 1
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets)
                frames = packet.decode()
            except StopIteration:
                return
            except av.error.EOFError:
                return
            except (av.error.FFmpegError, ValueError) as failure:
                self._count_damage(failure)
                continue
            yield from frames

    def _count_damage(self, failure: Exception) -> None:
        if isinstance(failure, MemoryError):
            raise failure
        self._damages += 1
        if self._damages > _DAMAGES_MAX:
            raise Refusal("DAMAGED", "The file is too damaged to be heard.")

    def _write(self, frame: Any) -> None:
        """Writes left and right of a frame, after BS.775. Limits count what is kept, not the source's channels and rate."""
        import numpy as np

        from resonance.audio.downmix import front_matrix

        names = [channel.name for channel in frame.layout.channels]
        samples = frame.to_ndarray().reshape(-1, len(names))
        if not np.isfinite(samples).all():
            raise Refusal("NOT_FINITE", "The file holds samples that are not numbers (NaN or infinite).")
        self._sample_count += len(samples)
        if self._sample_count > self._duration_s_max * self._rate_hz:
            raise Refusal("TOO_LONG", f"The track is longer than {self._duration_s_max / 60:g} minutes.")
        if 4 * self._sample_count > self._decoded_bytes_max:
            limit_mb = self._decoded_bytes_max // 2**20
            raise Refusal("TOO_LARGE", f"The track unpacks to more than {limit_mb} MB of sound.")
        # float32 beyond full scale is kept until the level is set: an over-driven float file is not clipped.
        front = (np.clip(samples, -_SAMPLE_MAX, _SAMPLE_MAX) @ front_matrix(names)).astype("<f4")
        self._powers.add(front)
        self._target.write(front.tobytes())

    def _check_length(self) -> None:
        if self._damages and self._sample_count < KEPT_S_MIN * self._rate_hz:
            raise Refusal("DAMAGED", "The file is damaged or cut off: less than a second of it can be heard.")
        if not self._sample_count:
            raise Refusal("NO_SOUND", "The file has no sound: not one sample could be decoded.")


class Levelling:
    """From left and right in a file to mono at TARGET_LUFS in their place: mix, offset and gain are those of the whole track.

    `file` holds `[samples, 2]` float32 from its beginning; afterwards `[samples]`.
    """

    def __init__(self, file: BinaryIO, powers: FrontPowers, sample_count: int, sample_rate_hz: int) -> None:
        self._file = file
        self._sample_count = sample_count
        self._rate_hz = sample_rate_hz
        self._mix = powers.choose()
        self._means = powers.means

    def run(self) -> dict[str, Any]:
        """Levels the track; returns its loudness before, the gain in dB (0 for silence, which keeps its level) and the mix's name."""
        import numpy as np

        from resonance.audio.loudness import LoudnessMeter, integrated_lufs

        meter, peak = LoudnessMeter(self._rate_hz), 0.0
        for mono in self._blocks():
            meter.add(mono)
            peak = max(peak, float(np.abs(mono).max()))
        loudness = integrated_lufs(meter.block_powers())
        gain_db = level_gain_db(loudness, peak)
        self._rewrite(10 ** (gain_db / 20))
        return {"loudness_lufs": max(loudness, LOUDNESS_LUFS_MIN), "gain_db": gain_db, "downmix": self._mix.kind}

    def _blocks(self) -> Iterator[Any]:
        """The mono mix without its offset, `[samples]` float64, block by block."""
        import numpy as np

        for start in range(0, self._sample_count, _BLOCK_SAMPLES):
            self._file.seek(8 * start)
            front = np.frombuffer(self._file.read(8 * _BLOCK_SAMPLES), "<f4").reshape(-1, 2) - self._means
            yield front[:, 0] * self._mix.left + front[:, 1] * self._mix.right

    def _rewrite(self, gain: float) -> None:
        """Writes the mono signal over what it was made of: a block of it is half as long, so it never reaches what is still to be read."""
        import numpy as np

        for index, mono in enumerate(self._blocks()):
            self._file.seek(4 * index * _BLOCK_SAMPLES)
            self._file.write(np.clip(gain * mono, -1.0, 1.0).astype("<f4").tobytes())
        self._file.truncate(4 * self._sample_count)


def level_gain_db(loudness_lufs: float, peak: float) -> float:
    """The gain that brings a track to TARGET_LUFS, held back where its peak would pass full scale; 0 for silence.

    Both limits move with the track's level, so that a quieter copy of a track ends as the same samples.
    """
    if loudness_lufs < SILENCE_LUFS or peak <= 0:
        return min(0.0, -20 * math.log10(peak)) if peak > 0 else 0.0
    return min(TARGET_LUFS - loudness_lufs, -20 * math.log10(peak))


def _begins_as_audio(head: bytes) -> bool:
    """True for the first bytes of a readable format. A cut m4a cannot be opened: its index is at its end."""
    if head[4:8] == b"ftyp":
        return True
    if head[:4] in (b"RIFF", b"FORM"):
        return head[8:12] in (b"WAVE", b"AIFF", b"AIFC")
    return head[:4] in (b"fLaC", b"OggS", b"\x1aE\xdf\xa3") or head[:3] == b"ID3"


if __name__ == "__main__":
    main()
