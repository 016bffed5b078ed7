"""The whole recipe, end to end and resumable: every stage skips what is already done."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from typing import Final

STAGES: Final = ("render", "codec", "tokenise", "text", "train", "evaluate")


def _module(name: str, *arguments: str, processes: int = 1) -> None:
    launcher = [sys.executable, "-m"]
    if processes > 1:
        launcher += ["torch.distributed.run", "--standalone", f"--nproc-per-node={processes}", "-m"]
    subprocess.run(
        [*launcher, f"model.training.{name}", *arguments], check=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )


def _render(arguments: argparse.Namespace) -> None:
    _module("render", "--first", "900", "--last", "904")
    _module("render", "--first", "0", "--last", str(arguments.shards))


def _codec(_: argparse.Namespace) -> None:
    for phase in ("ae", "codebooks", "decoder"):
        _module("train_codec", phase)


def _tokenise(_: argparse.Namespace) -> None:
    _module("tokenise")


def _text(_: argparse.Namespace) -> None:
    _module("text")


def _train(arguments: argparse.Namespace) -> None:
    _module("train", "--minutes", str(arguments.minutes), processes=arguments.processes)
    _module("export")


def _evaluate(_: argparse.Namespace) -> None:
    _module("evaluate")
    _module("card")
    _module("export", "--digests-only")


def main() -> None:
    """Run all stages, or those named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stages", nargs="*", default=list(STAGES), help=f"any of {', '.join(STAGES)}")
    parser.add_argument("--shards", type=int, default=280, help="shards of 100 pieces to render")
    parser.add_argument("--minutes", type=float, default=90, help="of language-model training")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args()
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
