"""Writes the README's tree: every file with its caption, which is the first line that the file says about itself.

python scripts/readme_tree.py            writes README.md
python scripts/readme_tree.py --check    exits with 1 where README.md is not what it would write
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
BEGIN, END = "<!-- tree: written by scripts/readme_tree.py -->\n", "<!-- /tree -->\n"
LEFT_OUT = re.compile(
    r"common/resonance/v1/|model/training/(figures|samples)/|/weights/|benchmarks/results/|\.gitignore$|LICENSE$|README\.md$"
)
FOLDERS = {
    "common/resonance": "what every deployable shares; generated messages are in `v1/`",
    "model/resonance_model": "torch lives here and above, nowhere below; the shipped weights are in `weights/`",
    "model/training": "how the embedded model is made; not installed",
}
# Files that cannot say a caption of their own.
CAPTIONS = {
    ".ci/run": "What CI runs: the README's test command, with nothing skipped.",
    "Makefile": "Everything one can ask for: `make help`.",
    "constraints.txt": "The pins that the CPU build of torch needs.",
    "pyproject.toml": "One distribution, an extra per deployable, and the settings of every tool.",
    "protos/buf.yaml": "Lint and compatibility rules of the protos.",
    "tests/system/grpc_js/package.json": "What the foreign client needs of npm.",
}


def caption_of(path: str) -> str:
    """The first line that the file says about itself."""
    if path in CAPTIONS:
        return CAPTIONS[path]
    text = (ROOT / path).read_text(errors="replace")
    if path.endswith(".py"):
        return (ast.get_docstring(ast.parse(text)) or "").split("\n")[0]
    found = re.search(r"^\s*(?:#|//|/\*+|<!--|--)\s*(?!!)([^\n]*?)\s*(?:\*/|-->)?$", text, re.MULTILINE)
    if path.endswith(".html"):
        found = re.search(r"<title>(.*?)</title>", text)
    return found[1] if found else ""


def tree() -> str:
    """The tree as Markdown, folder by folder."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    files = sorted(
        path for path in listed.stdout.split("\n") if path and not LEFT_OUT.search(path) and (ROOT / path).is_file()
    )
    folders: dict[str, list[str]] = {}
    for path in files:
        folders.setdefault(str(Path(path).parent), []).append(path)
    lines = ["```"]
    for folder, paths in sorted(folders.items()):
        if folder != ".":
            lines.append(f"{folder}/" + (f"  - {FOLDERS[folder]}" if folder in FOLDERS else ""))
        for path in paths:
            caption = caption_of(path)
            if caption or not path.endswith("__init__.py"):
                lines.append(f"  {Path(path).name:<23} {caption}".rstrip())
    return "\n".join([*lines, "```"]) + "\n"


def main() -> int:
    """Writes or checks; returns the exit status."""
    text = README.read_text()
    start, end = text.index(BEGIN) + len(BEGIN), text.index(END)
    wanted = text[:start] + tree() + text[end:]
    if "--check" in sys.argv:
        if wanted != text:
            print("README.md's tree is not fresh: run `make tree`", file=sys.stderr)
        return int(wanted != text)
    README.write_text(wanted)
    return 0


if __name__ == "__main__":
    sys.exit(main())
