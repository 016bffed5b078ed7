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
from resonance.audio.opened_file import SoundFile, announced_s, choose_stream, is_cut_ogg, open_container
from resonance.audio.parts import Parts

if TYPE_CHECKING:
    from resonance.audio.downmix import FrontPowers

MEMORY_BYTES_MAX = 256 * 1024 * 1024
KEPT_S_MIN = 1.0  # the shortest decoded part of a damaged file that is used
_DAMAGES_MAX = 200
_BLOCK_SAMPLES = 1 << 18
# A file counts as cut where more than this of its announced length is missing: encoders round and pad.
_MISSING_S_MIN, _MISSING_SHARE_MIN = 0.5, 0.02
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


class _LongerThanLimit(Exception):
    """The whole track is longer than the limit, and parts of it are chosen."""


class _Decoding:
    """Decodes one file: resampled left and right are written to the target, then `Levelling` replaces them by mono."""

    def __init__(self, source: BinaryIO, target: BinaryIO, request: dict[str, Any]) -> None:
        self._source = SoundFile(source, str(request["ending"]))
        self._target = target
        self._rate_hz = int(request["sample_rate_hz"])
        self._duration_s_max = float(request["duration_s_max"])
        self._decoded_bytes_max = int(request["decoded_bytes_max"])
        self._ranges = [(round(start * self._rate_hz), round(end * self._rate_hz)) for start, end in request["ranges"]]
        self._begin(Parts())

    def _begin(self, parts: Parts) -> None:
        from resonance.audio.downmix import FrontPowers

        self._target.seek(0)
        self._target.truncate()
        self._parts = parts
        self._damages = 0
        self._powers = FrontPowers()

    def run(self) -> dict[str, Any]:
        try:
            return self._run()
        except _LongerThanLimit:
            # Only now, so that a song of the usual length is decoded alike with and without chosen ranges.
            self._begin(Parts(self._ranges))
            return self._run()

    def _run(self) -> dict[str, Any]:
        head = self._source.head()
        container = open_container(self._source)
        self._stream = choose_stream(container)
        for frame in self._resampled(container):
            self._write(frame)
            if self._parts.are_over:
                break
        self._check_length()
        kept_s = self._parts.position / self._rate_hz
        whole_s = announced_s(container, self._stream, head, self._source.byte_count)
        is_short = whole_s - kept_s > max(_MISSING_S_MIN, _MISSING_SHARE_MIN * whole_s)
        if container.format.name == "ogg":
            is_short = is_short or is_cut_ogg(self._source)
        levelled = Levelling(self._target, self._powers, self._parts.kept, self._rate_hz).run()
        return {
            "sample_count": self._parts.kept,
            "is_damaged": self._damages > 0,
            "is_cut": is_short and not self._parts.ranges,
            "announced_s": whole_s,
            "stream_count": len(container.streams.audio),
            "ranges": self._parts.found(),
            **levelled,
        }

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

        stream = self._stream
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
        # float32 beyond full scale is kept until the level is set: an over-driven float file is not clipped.
        front = (np.clip(samples, -_SAMPLE_MAX, _SAMPLE_MAX) @ front_matrix(names)).astype("<f4")
        for part in self._parts.take(front):
            self._check_limits()
            self._powers.add(part)
            self._target.write(part.tobytes())

    def _check_limits(self) -> None:
        minutes = f"{self._duration_s_max / 60:g} minutes"
        if self._parts.kept > self._duration_s_max * self._rate_hz:
            if self._parts.ranges:
                raise Refusal("TOO_LONG", f"The chosen parts of the track are longer than {minutes} together.")
            if self._ranges:
                raise _LongerThanLimit
            raise Refusal("TOO_LONG", f"The track is longer than {minutes}. Choose a part of it, or cut it.")
        if 4 * self._parts.kept > self._decoded_bytes_max:
            limit_mb = self._decoded_bytes_max // 2**20
            raise Refusal("TOO_LARGE", f"The track unpacks to more than {limit_mb} MB of sound.")

    def _check_length(self) -> None:
        if self._damages and self._parts.kept < KEPT_S_MIN * self._rate_hz:
            raise Refusal("DAMAGED", "The file is damaged or cut off: less than a second of it can be heard.")
        if not self._parts.kept and self._parts.ranges:
            end_s = self._parts.position / self._rate_hz
            message = f"The chosen ranges lie past the track's end at {end_s:.1f} s."
            raise Refusal("RANGE_OUTSIDE_TRACK", message)
        if not self._parts.kept:
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


if __name__ == "__main__":
    main()
