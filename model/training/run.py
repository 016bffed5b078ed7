"""The whole recipe, end to end and resumable: every stage skips what is already done."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from . import corpus
from .tokenise import WEIGHTS

STAGES: Final = ("render", "codec", "tokenise", "text", "train", "evaluate")


def _module(name: str, *arguments: str, processes: int = 1) -> None:
    launcher = [sys.executable, "-m"]
    if processes > 1:
        launcher += ["torch.distributed.run", "--standalone", f"--nproc-per-node={processes}", "-m"]
    subprocess.run(
        [*launcher, f"model.training.{name}", *arguments], check=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )


def _render(arguments: argparse.Namespace) -> None:
    _module("render", "--first", "900", "--last", "901" if arguments.quick else "904")
    _module("render", "--first", "0", "--last", str(arguments.shards))


def _codec(arguments: argparse.Namespace) -> None:
    minutes = ("--minutes", "0.5") if arguments.quick else ()
    _module("train_codec", "ae", *minutes)
    _module("train_codec", "codebooks")
    _module("train_codec", "decoder", *minutes)


def _tokenise(_: argparse.Namespace) -> None:
    (corpus.WORK / "stop-tokenising").unlink(missing_ok=True)
    _module("tokenise")


def _text(arguments: argparse.Namespace) -> None:
    _module("text", *(("--steps", "30") if arguments.quick else ()))


def _train(arguments: argparse.Namespace) -> None:
    """What is left of the minutes, counted over all earlier calls; then the export."""
    log = corpus.WORK / "player" / "log.jsonl"
    spent = json.loads(log.read_text().splitlines()[-1])["minutes"] if log.exists() else 0.0
    left = arguments.minutes - spent
    if left > 0.2:
        _module("train", "--minutes", str(left), processes=arguments.processes)
    _module("export", "--folder", str(arguments.folder))


def _evaluate(arguments: argparse.Namespace) -> None:
    folder = ("--folder", str(arguments.folder))
    _module("golden", *folder)
    shown = corpus.WORK / "quick"
    few = ("--lessons", "60", "--prompts", "2", "--long-prompts", "1", "--seeds", "1")
    _module(
        "evaluate",
        *folder,
        *((*few, "--figures", str(shown), "--samples", str(shown)) if arguments.quick else ()),
    )
    _module("card", *folder)
    _module("export", "--digests-only", *folder)


def main() -> None:
    """Run all stages, or those named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stages", nargs="*", default=list(STAGES), help=f"any of {', '.join(STAGES)}")
    parser.add_argument("--shards", type=int, default=280, help="shards of 100 pieces to render")
    parser.add_argument("--minutes", type=float, default=90, help="of language-model training")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--folder", type=Path, default=WEIGHTS, help="where the weights go")
    parser.add_argument(
        "--quick", action="store_true", help="a quarter of an hour for all of it, to see every stage work; no music"
    )
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.shards, arguments.minutes, arguments.folder = 1, 1.0, corpus.WORK / "quick-weights"
    stages = {
        "render": _render,
        "codec": _codec,
        "tokenise": _tokenise,
        "text": _text,
        "train": _train,
        "evaluate": _evaluate,
    }
    for stage in arguments.stages:
        print(f"== {stage}", flush=True)
        stages[stage](arguments)


if __name__ == "__main__":
    main()
