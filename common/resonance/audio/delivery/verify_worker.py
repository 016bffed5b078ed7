"""Verification child: `python -m resonance.audio.delivery.verify_worker REQUEST` reads tags and content credentials.

It reads one untrusted file and prints one line of JSON. It has no network, and limits on time and memory.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from typing import Any

from resonance.audio import confinement
from resonance.audio.formats import CODECS, CONTAINERS

_MEMORY_BYTES_MAX = 1024 * 1024 * 1024
_TEXT_MAX = 4000
_C2PA_TYPES = {"wav": "audio/wav", "flac": "audio/flac", "mp3": "audio/mpeg", "mov,mp4,m4a,3gp,3g2,mj2": "audio/mp4"}


def main() -> None:
    request = json.loads(sys.argv[1])
    os.nice(5)
    confinement.leave_network()
    import av
    import c2pa

    av.logging.set_level(av.logging.PANIC)
    confinement.die_with_parent()
    confinement.limit_resources(cpu_s=request["cpu_s"], memory_bytes=_MEMORY_BYTES_MAX, file_bytes=1024 * 1024)
    warnings.simplefilter("ignore")
    container, tags = _read_tags(av, request["source"])
    media_type = _C2PA_TYPES.get(container, "")
    report = _read_credentials(c2pa, media_type, request["source"]) if media_type else {}
    print(json.dumps({"container": container, "tags": tags, "credentials": report}), flush=True)


def _read_tags(av: Any, source: str) -> tuple[str, dict[str, str]]:
    options = {"format_whitelist": CONTAINERS, "codec_whitelist": ",".join(CODECS), "probesize": "5000000"}
    try:
        with open(source, "rb") as file, av.open(file, "r", options=options, metadata_errors="replace") as container:
            found = dict(container.metadata)
            for stream in container.streams.audio:
                found |= dict(stream.metadata)
            return str(container.format.name), {key.lower(): str(text)[:_TEXT_MAX] for key, text in found.items()}
    except (av.error.FFmpegError, ValueError):
        return "", {}


def _read_credentials(c2pa: Any, media_type: str, source: str) -> dict[str, Any]:
    settings = c2pa.Settings.from_dict({"verify": {"remote_manifest_fetch": False, "ocsp_fetch": False}})
    try:
        context = c2pa.Context(settings)
        with open(source, "rb") as file, c2pa.Reader(media_type, file, context=context) as reader:
            report: dict[str, Any] = json.loads(reader.json())
            return report
    except c2pa.C2paError as failure:
        return {} if "ManifestNotFound" in f"{type(failure).__name__}{failure}" else {"fault": str(failure)[:300]}


if __name__ == "__main__":
    main()
