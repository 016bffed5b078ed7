"""Bills of materials of the images, as CycloneDX in dist/sbom: what their locks install, with hashes and licences.

python scripts/sbom.py [FOLDER]

The components are those of the lock, which is all that an image's Python has, and our own package. Licences are read from the
packages installed here, where the same version is; a component without one says so by having none. Debian's packages of the base are
the base's own. Needs cyclonedx-bom.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name
from scripts.locks import IMAGES, LOCKS, ROOT

OUTPUT = ROOT / "dist/sbom"


def bill_of(image: str, licences: dict[str, list[Any]]) -> dict[str, Any]:
    """The bill of one image; licences by `name==version`."""
    locks = [LOCKS / f"{image}.txt"]
    if image in ("extract", "generate"):
        locks.append(LOCKS / "torch-cpu.txt")
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as joined:
        joined.write("".join(path.read_text() for path in locks))
        joined.flush()
        bill = _cyclonedx(
            "requirements", joined.name, "--pyproject", str(ROOT / "pyproject.toml"), "--mc-type", "application"
        )
    bill["metadata"]["component"]["name"] = f"resonance-{image}"
    for each in bill["components"]:
        each.pop("description", None)  # "requirements line 7"
        if found := licences.get(_key(each)):
            each["licenses"] = found
    return bill


def installed_licences() -> dict[str, list[Any]]:
    """Licences of the packages of this environment, by `name==version`."""
    bill = _cyclonedx("environment", sys.executable)
    return {_key(each): each["licenses"] for each in bill["components"] if each.get("licenses")}


def _key(component: dict[str, Any]) -> str:
    return f"{canonicalize_name(component['name'])}=={component['version']}"


def _cyclonedx(*arguments: str) -> dict[str, Any]:
    program = Path(sys.executable).with_name("cyclonedx-py")
    command = [str(program) if program.exists() else "cyclonedx-py", *arguments]
    command += ["--spec-version", "1.6", "--output-reproducible", "--output-format", "JSON", "--no-validate"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"cyclonedx-py: {done.stderr.strip()[-600:]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def main() -> None:
    """Writes all bills, and prints for each how many components and how many without a licence it has."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else OUTPUT
    folder.mkdir(parents=True, exist_ok=True)
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    licences = installed_licences()
    for image in IMAGES:
        bill = bill_of(image, licences)
        path = folder / f"resonance-{image}-{version}.cdx.json"
        path.write_text(json.dumps(bill, indent=1, sort_keys=True) + "\n")
        without = sum("licenses" not in each for each in bill["components"])
        print(f"{path}: {len(bill['components'])} components, {without} without a licence here")


if __name__ == "__main__":
    main()
