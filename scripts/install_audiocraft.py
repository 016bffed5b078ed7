"""Installs AudioCraft 1.3.0 beside the pinned torch.

It installs into the environment that runs it. See docs/decisions/audiocraft.md.

AudioCraft pins torch 2.1 and old companions, but runs with today's: it is installed without its pins, with what it really
imports. The stock torchaudio is linked against CUDA and breaks beside a CPU build of torch; torchaudio treats a missing
extension as "built without", so its wheel is repacked without its shared libraries, under a local version of its own.
"""

from __future__ import annotations

import base64
import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import torch

WITH_DEPENDENCIES = (
    "av",
    "einops",
    "julius",
    "num2words",
    "librosa",
    "omegaconf",
    "hydra-core",
    "colorlog",
    "soundfile",
    "spacy",
    "torchmetrics",
    "protobuf>=6.33.5",
)
WITHOUT_DEPENDENCIES = (
    "audiocraft==1.3.0",
    "dora-search",
    "flashy",
    "xformers==0.0.35",
    "demucs",
    "openunmix",
    "lameenc",
    "treetable",
    "submitit",
    "retrying",
    "encodec",
)
TORCHAUDIO = "torchaudio==2.11.0"


def pip(*arguments: str) -> None:
    """Runs pip of this environment."""
    subprocess.run([sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments], check=True)


def repack(wheel: Path, folder: Path) -> Path:
    """The wheel without its shared libraries, as version X+nolibs; RECORD is written anew."""
    name, version, *_tags = wheel.stem.split("-")
    local = f"{version.split('+')[0]}+nolibs"
    target = folder / "-".join([name, local, "py3", "none", "any.whl"])
    old, new = f"{name}-{version}.dist-info", f"{name}-{local}.dist-info"
    record = []
    with zipfile.ZipFile(wheel) as source, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as output:
        for entry in source.namelist():
            if entry.endswith((".so", "/RECORD", "/")) or ".libs/" in entry:
                continue
            data = source.read(entry)
            path = entry.replace(old, new)
            if path.endswith("/METADATA"):
                data = _metadata(data, local)
            if path.endswith("/WHEEL"):
                data = b"Wheel-Version: 1.0\nGenerator: resonance\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
            output.writestr(path, data)
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            record.append(f"{path},sha256={digest},{len(data)}")
        output.writestr(f"{new}/RECORD", "\n".join([*record, f"{new}/RECORD,,"]) + "\n")
    return target


def _metadata(data: bytes, version: str) -> bytes:
    lines = [line for line in data.decode().splitlines() if not line.startswith("Requires-Dist: torch")]
    return "\n".join(f"Version: {version}" if line.startswith("Version:") else line for line in lines).encode()


def main() -> None:
    """Installs everything, then imports it."""
    if torch.version.cuda is not None:
        sys.exit(
            "this is a CUDA build of torch: install the matching torchaudio, then `pip install --no-deps audiocraft==1.3.0`"
        )
    pip("install", *WITH_DEPENDENCIES)
    pip("install", "--no-deps", *WITHOUT_DEPENDENCIES)
    with tempfile.TemporaryDirectory() as folder:
        pip("download", "--no-deps", "--dest", folder, TORCHAUDIO)
        pip(
            "install",
            "--no-deps",
            "--force-reinstall",
            str(repack(next(Path(folder).glob("torchaudio*.whl")), Path(folder))),
        )
    check = "from audiocraft.models import MusicGen; from transformers import MusicgenForConditionalGeneration"
    subprocess.run([sys.executable, "-c", check], check=True)
    print("AudioCraft is installed.")


if __name__ == "__main__":
    main()
