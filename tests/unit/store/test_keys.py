"""Store keys: key functions, prefix table, single builder module."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import pytest

from resonance.store import keys
from resonance.store.keys import PREFIXES
from resonance.store.protocol import check_key

ROOT = Path(__file__).parents[3]
FUNCTIONS = [
    function
    for name, function in inspect.getmembers(keys, inspect.isfunction)
    if name.endswith(("_key", "_prefix")) and not name.startswith("parse_")
]
PARTS = {"extract", "generate", "ingest", "gateway", "cli", "store", "video", "google", "rpc"}
ROOTS = ("common/resonance", "services", "gateway/resonance_gateway", "cli/resonance_cli", "app/resonance_app")


def example(function) -> str:  # type: ignore[no-untyped-def]
    """The key of plain arguments."""
    kinds = inspect.signature(function, eval_str=True).parameters.values()
    return function(*(7 if kind.annotation is int else "a" * 16 for kind in kinds))


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__name__)
def test_a_key_begins_with_one_prefix_of_the_table(function) -> None:  # type: ignore[no-untyped-def]
    key = example(function)
    assert len([prefix for prefix in PREFIXES if key.startswith(prefix.name)]) == 1
    check_key(key.rstrip("/"))


def test_every_prefix_of_the_table_has_a_key_function() -> None:
    examples = [example(function) for function in FUNCTIONS]
    assert [prefix.name for prefix in PREFIXES if not any(key.startswith(prefix.name) for key in examples)] == []


def test_every_prefix_has_one_writer_and_a_retention() -> None:
    assert len({prefix.name for prefix in PREFIXES}) == len(PREFIXES)
    for prefix in PREFIXES:
        assert {prefix.writer, *prefix.readers} <= PARTS
        assert prefix.writer not in prefix.readers
        assert prefix.kept
        assert prefix.is_owned or not prefix.is_shared


def test_no_other_module_builds_a_key() -> None:
    names = tuple(prefix.name for prefix in PREFIXES)
    files = [path for root in ROOTS for path in (ROOT / root).rglob("*.py") if path != Path(keys.__file__)]
    # It tells the objects of an adoption's file by their prefixes, and builds none.
    files = [path for path in files if path.parts[-2:] != ("adoption", "package.py")]
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {node.value}"
        for path in files
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith(names)
    ]
    assert found == []
