"""Tree of all files with their captions, written to docs/tree.md.

python scripts/tree.py            writes docs/tree.md
python scripts/tree.py --check    exits with 1 where docs/tree.md is not what it would write
python scripts/tree.py --long     lists the captions that have more than ten words

The caption of a file is the first line that the file says about itself: of a Python module the first line of its
docstring, of other files the first comment.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TREE = ROOT / "docs/tree.md"
HEAD = """# Tree

Every file with its caption, written by `make tree`. The [README](../README.md#folders) has the folders alone.

"""
CAPTION_WORDS_MAX = 10
LEFT_OUT = re.compile(
    r"common/resonance/v1/|model/training/(figures|samples)/|/weights/|/histories/|benchmarks/results/|docs/tree\.md$|"
    r"static/js/vendor/|\.gitignore$|LICENSE$|OFL\.txt$|\.(png|jpg|woff2|mp3)$"
)
FOLDERS = {
    "common/resonance": "shared by every deployable; generated messages are in `v1/`",
    "model/resonance_model": "torch is imported here and above; the shipped weights are in `weights/`",
    "model/training": "how the embedded model is made; not installed",
}
# Files that cannot say a caption of their own.
CAPTIONS = {
    "gateway/resonance_gateway/static/vendor.json": "Files of other projects: package, version, licence, digests.",
    "protos/buf.yaml": "Lint and compatibility rules of the protos.",
    "tests/system/grpc_js/package.json": "npm packages of the foreign client.",
}


def read_caption(path: str) -> str:
    """The first line that the file says about itself; empty where it says nothing."""
    if path in CAPTIONS:
        return CAPTIONS[path]
    text = (ROOT / path).read_text(errors="replace")
    if path.endswith(".py"):
        return (ast.get_docstring(ast.parse(text)) or "").split("\n")[0]
    if path.endswith(".html"):
        found = re.search(r"<title>(.*?)</title>", text)
    else:
        found = re.search(r"^\s*(?:#|//|/\*+|<!--|--)\s*(?!!)([^\n]*?)\s*(?:\*/|-->)?$", text, re.MULTILINE)
    return found[1] if found else ""


def list_files() -> list[str]:
    """Files of the repository that belong into the tree, new ones included, sorted."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return sorted(
        path for path in listed.stdout.split("\n") if path and not LEFT_OUT.search(path) and (ROOT / path).is_file()
    )


def render_tree(files: list[str]) -> str:
    """The tree as Markdown, folder by folder."""
    folders: dict[str, list[str]] = {}
    for path in files:
        folders.setdefault(str(Path(path).parent), []).append(path)
    lines = ["```"]
    for folder, paths in sorted(folders.items()):
        if folder != ".":
            lines.append(f"{folder}/" + (f"  - {FOLDERS[folder]}" if folder in FOLDERS else ""))
        for path in paths:
            caption = read_caption(path)
            if caption or not path.endswith("__init__.py"):
                lines.append(f"  {Path(path).name:<23} {caption}".rstrip())
    return "\n".join([*lines, "```"]) + "\n"


def print_long_captions(files: list[str]) -> None:
    """Prints each caption that has more words than a caption may have."""
    for path in files:
        caption = read_caption(path)
        if len(caption.split()) > CAPTION_WORDS_MAX:
            print(f"{path}: {len(caption.split())} words: {caption}")


def main() -> int:
    """Writes, checks or lists; returns the exit status."""
    files = list_files()
    if "--long" in sys.argv:
        print_long_captions(files)
        return 0
    wanted = HEAD + render_tree(files)
    if "--check" not in sys.argv:
        TREE.write_text(wanted)
        return 0
    is_fresh = TREE.exists() and TREE.read_text() == wanted
    if not is_fresh:
        print("docs/tree.md is not fresh: run `make tree`", file=sys.stderr)
    return int(not is_fresh)


if __name__ == "__main__":
    sys.exit(main())
