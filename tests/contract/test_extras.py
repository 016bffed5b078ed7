"""Extras: each has every third-party module that its service imports."""

from __future__ import annotations

import ast
import gc
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
FOLDERS = [ROOT / folder for folder in PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]]
# AudioCraft is installed by hand (`scripts/install_audiocraft.py`) and loaded only where it is found.
BY_HAND = {"audiocraft", "demucs"}


@cache
def installed_modules() -> Mapping[str, list[str]]:
    return packages_distributions()


@cache
def our_modules() -> dict[str, Path]:
    """Every module that the wheel holds, by its name."""
    found = {}
    for folder in FOLDERS:
        for path in folder.rglob("*.py"):
            parts = path.relative_to(folder.parent).with_suffix("").parts
            found[".".join(part for part in parts if part != "__init__")] = path
    return found


@cache
def read_imports(path: Path) -> set[str]:
    """Modules that a file imports anywhere, and our modules that it names in a string to run them in a child process."""
    return {name for node in _walk_running(_parse(path)) for name in _imported_names(node)}


def _parse(path: Path) -> ast.Module:
    """The file's tree, made without garbage collection.

    CPython 3.11 counts the depth of trees for all threads together: a collection on the way that lets another thread build a tree ends
    in "AST constructor recursion depth mismatch" (python/cpython#106905).
    """
    gc.disable()
    try:
        return ast.parse(path.read_text())
    finally:
        gc.enable()


def _walk_running(node: ast.AST) -> Iterator[ast.AST]:
    """The node and all nodes below it, without those under `if TYPE_CHECKING`."""
    yield node
    for child in ast.iter_child_nodes(node):
        if not (isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"):
            yield from _walk_running(child)


def _imported_names(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Import):
        return {alias.name for alias in node.names}
    if isinstance(node, ast.ImportFrom):
        assert node.module is not None, "no relative imports here"
        return {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    if isinstance(node, ast.Constant) and node.value in our_modules():
        return {node.value}
    return set()


def reached(package: str) -> set[str]:
    """The third-party modules that a package imports, and that what it imports of ours imports."""
    todo, seen, foreign = {name for name in our_modules() if name.partition(".")[0] == package}, set(), set()
    while todo:
        name = todo.pop()
        seen.add(name)
        for imported in read_imports(our_modules()[name]):
            parts = imported.split(".")
            ours = {".".join(parts[:end]) for end in range(1, len(parts) + 1)} & our_modules().keys()
            todo |= ours - seen
            if not ours and parts[0] not in sys.stdlib_module_names:
                foreign.add(".".join(parts[:2]) if parts[0] == "google" else parts[0])
    return foreign - {"google"}


def distributions_with(module: str) -> set[str]:
    """The installed distributions that a module may come from. `google` is many packages."""
    top, _, below = module.partition(".")
    found = set(installed_modules().get(top, ()))
    if below:
        found = {
            name for name in found if any(f"{top}/{below}" in str(path) for path in distribution(name).files or ())
        }
    return {_normal(name) for name in found}


def installed_with(extra: str) -> set[str]:
    """The distributions that pip brings for the extra, by what those that are installed here ask for."""
    extras = PROJECT["project"]["optional-dependencies"]
    todo = [Requirement(each) for each in PROJECT["project"]["dependencies"] + extras[extra]]
    seen: set[tuple[str, frozenset[str]]] = set()
    while todo:
        wanted = todo.pop()
        key = (_normal(wanted.name), frozenset(wanted.extras))
        if key[0] == PROJECT["project"]["name"]:
            todo += [Requirement(each) for name in wanted.extras for each in extras[name]]
        elif key not in seen:
            seen.add(key)
            todo += _requirements_of_installed(wanted)
    return {name for name, _ in seen}


def _requirements_of_installed(wanted: Requirement) -> list[Requirement]:
    try:
        lines = distribution(wanted.name).requires or ()
    except PackageNotFoundError:  # for another platform
        return []
    asked = [Requirement(line) for line in lines]
    chosen = ("", *wanted.extras)
    return [each for each in asked if not each.marker or any(each.marker.evaluate({"extra": name}) for name in chosen)]


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("service", ["gateway", "ingest", "extract", "generate"])
def test_an_extra_has_every_module_that_its_service_reaches(service: str) -> None:
    installed = installed_with(service)
    modules = reached(f"resonance_{service}") - BY_HAND
    assert {"grpc", "structlog"} <= modules, "the walk sees what every service imports"
    assert [name for name in sorted(modules) if not distributions_with(name) & installed] == []


def test_the_walk_sees_what_a_child_process_imports() -> None:
    assert {"av", "transformers"} <= reached("resonance_generate")
    assert {"av", "yt_dlp"} <= reached("resonance_ingest")
    assert "torch" not in reached("resonance_ingest") | reached("resonance_gateway")
