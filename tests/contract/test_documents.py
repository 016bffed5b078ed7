"""Documents: links resolve, named files and settings exist."""

from __future__ import annotations

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

from resonance.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "ARCHITECTURE.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("docs/**/*.md"))]
SETTINGS = {f"RESONANCE_{name.upper()}" for name in Settings.model_fields}


def named_settings(document: Path) -> set[str]:
    """Names of settings in a document, without the family name `RESONANCE_*`."""
    return set(re.findall(r"RESONANCE_[A-Z0-9_]*[A-Z0-9]", document.read_text()))


@cache
def repository_files() -> list[str]:
    """Files of the checkout, new ones included; pytest's own folders and the environment are not."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout.split("\n")
    return [path for path in listed if path]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_to_files_that_exist(document: Path) -> None:
    targets = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", document.read_text())
    assert [target for target in targets if not (document.parent / target).exists()] == []


def test_the_architecture_names_files_that_exist() -> None:
    if not repository_files():
        pytest.skip("not a checkout: there is no list of files to compare with")
    named = re.findall(r"`([\w./-]+\.(?:py|proto|js|md|toml))`", (ROOT / "ARCHITECTURE.md").read_text())
    assert len(named) > 40
    missing = [name for name in named if not any(f"/{path}".endswith(f"/{name}") for path in repository_files())]
    assert missing == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_settings_that_documents_name_exist(document: Path) -> None:
    assert named_settings(document) - SETTINGS == set()


def test_the_operations_page_names_every_setting() -> None:
    assert SETTINGS - named_settings(ROOT / "docs/operations.md") == set()


def test_the_operations_page_tells_the_defaults_of_the_settings() -> None:
    text = (ROOT / "docs/operations.md").read_text()
    rows = dict(re.findall(r"^\| `RESONANCE_([A-Z0-9_]+)` \| `([^`]*)` \|", text, re.MULTILINE))
    for name, field in Settings.model_fields.items():
        if isinstance(field.default, bool | int | float) or (isinstance(field.default, str) and field.default):
            assert rows.get(name.upper()) == _shown(field.default), name


def _shown(value: bool | float | str) -> str:
    """A default as the page writes it: plain numbers, `yes` and `no`."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else f"{value:.15g}"
