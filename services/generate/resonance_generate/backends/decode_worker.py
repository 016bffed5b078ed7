"""Decoder child: `python -m resonance_generate.backends.decode_worker SOURCE TARGET RATE` writes a song as 16-bit stereo samples."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import av

from resonance.audio import confinement

SECONDS_MAX = 1200.0
_CPU_S_MAX, _MEMORY_BYTES_MAX, _FILE_BYTES_MAX = 300.0, 2 << 30, 512 << 20


def main() -> None:
    """Prints the number of samples as one line of JSON, or what is wrong with the file."""
    confinement.leave_network()
    confinement.die_with_parent()
    confinement.limit_resources(cpu_s=_CPU_S_MAX, memory_bytes=_MEMORY_BYTES_MAX, file_bytes=_FILE_BYTES_MAX)
    av.logging.set_level(av.logging.PANIC)
    try:
        count = decode(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
        answer = {"samples": count} if count else {"fault": "no sound"}
    except (av.FFmpegError, OSError, ValueError, IndexError) as failure:
        answer = {"fault": f"a file that cannot be decoded ({type(failure).__name__})"}
    print(json.dumps(answer), flush=True)


def decode(source: Path, target: Path, rate_hz: int) -> int:
    """Writes interleaved 16-bit stereo samples; returns how many there are of each channel."""
    count = 0
    with av.open(str(source), metadata_errors="ignore") as container, target.open("wb") as file:
        resampler = av.AudioResampler(format="s16", layout="stereo", rate=rate_hz)
        for frame in container.decode(container.streams.audio[0]):
            for part in resampler.resample(frame):
                file.write(bytes(part.planes[0])[: part.samples * 4])
                count += part.samples
            if count > SECONDS_MAX * rate_hz:
                raise ValueError("too long")
        for part in resampler.resample(None):
            file.write(bytes(part.planes[0])[: part.samples * 4])
            count += part.samples
    return count


if __name__ == "__main__":
    main()
