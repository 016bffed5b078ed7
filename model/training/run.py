"""Runner of the whole recipe, end to end and resumable.

Every stage skips what is already done, and a stop at any moment costs minutes.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, TextIO

import torch

from . import corpus
from .codec import WEIGHTS
from .evaluate import PARTS
from .stopping import STOPPED, Stop, end_with_parent

STAGES: Final = ("render", "codec", "tokenise", "text", "train", "evaluate")
LOCK_WAIT_S: Final = 60.0  # the last stage of a killed run may still be writing its checkpoint
LOOK_S: Final = 0.5


class Recipe:
    """The stages, each made of commands that run one after another in processes of their own."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._arguments, self._stop = arguments, Stop()
        self._lock = _alone(corpus.WORK)

    def run(self, stage: str) -> None:
        """One of `STAGES`.

        Raises:
            SystemExit: a command failed, or a signal asked to stop; the same call goes on from there.
        """
        stages: dict[str, Callable[[], None]] = {
            "render": self._render,
            "codec": self._codec,
            "tokenise": self._tokenise,
            "text": self._text,
            "train": self._train,
            "evaluate": self._evaluate,
        }
        stages[stage]()

    def _command(self, name: str, *arguments: str, processes: int = 1) -> None:
        launcher = [sys.executable, "-m"]
        if processes > 1:
            launcher += ["torch.distributed.run", "--standalone", f"--nproc-per-node={processes}", "-m"]
        with subprocess.Popen(
            [*launcher, f"model.training.{name}", *arguments],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            preexec_fn=end_with_parent,
            pass_fds=(self._lock.fileno(),),  # the folder stays locked until the last child has ended
        ) as child:
            while child.poll() is None:
                time.sleep(LOOK_S)
                if self._stop.asked:
                    child.terminate()
                    child.wait()
                    raise SystemExit(STOPPED)
        if child.returncode:
            raise SystemExit(
                f"{name} ended with status {child.returncode}; run the same command again to go on from here"
            )

    def _render(self) -> None:
        self._command("render", "--first", "900", "--last", "901" if self._arguments.quick else "904")
        self._command("render", "--first", "0", "--last", str(self._arguments.shards))

    def _codec(self) -> None:
        minutes = ("--minutes", "0.5") if self._arguments.quick else ()
        self._command("train_codec", "ae", *minutes)
        self._command(
            "train_codec", "codebooks", *(("--latents", "8000", "--rounds", "3") if self._arguments.quick else ())
        )
        self._command("train_codec", "decoder", *minutes)

    def _tokenise(self) -> None:
        (corpus.WORK / "stop-tokenising").unlink(missing_ok=True)
        self._command("tokenise")

    def _text(self) -> None:
        self._command("text", *(("--steps", "30") if self._arguments.quick else ()))

    def _train(self) -> None:
        """What is left of the minutes, counted over all earlier calls; then the export."""
        folder = corpus.WORK / "player"
        minutes, step = progress(folder / "checkpoint.pt")
        left = self._arguments.minutes - minutes
        if left > 0.2 or not is_examined(folder / "log.jsonl", step):
            self._command("train", "--minutes", str(max(left, 0.0)), processes=self._arguments.processes)
        self._command("export", "--folder", str(self._arguments.folder))

    def _evaluate(self) -> None:
        folder = ("--folder", str(self._arguments.folder))
        self._command("golden", *folder)
        shown = str(corpus.WORK / "quick")
        few = (
            "--lessons",
            "60",
            "--prompts",
            "2",
            "--long-prompts",
            "1",
            "--seeds",
            "1",
            "--renderings",
            "5",
            "--length",
            "0.25",
        )
        small = (*few, "--figures", shown, "--samples", shown) if self._arguments.quick else ()
        for part in PARTS:
            self._command("evaluate", *folder, "--part", part, "--missing", *small)
        self._command("card", *folder)
        self._command("export", "--digests-only", *folder)


def progress(checkpoint: Path) -> tuple[float, int]:
    """Minutes and steps of the training that lies in a checkpoint: what a killed run did after its last one is lost, and not counted."""
    if not checkpoint.exists():
        return 0.0, 0
    state = torch.load(checkpoint, weights_only=True, mmap=True)
    return float(state["spent_s"]) / 60, int(state["step"])


def is_examined(log: Path, step: int) -> bool:
    """Whether the log has the gates of this very step: a run that was stopped in its last seconds wrote none."""
    lines = log.read_text().splitlines() if log.exists() else []
    return any("frame_0" in line and json.loads(line)["step"] == step for line in lines)


def _alone(folder: Path) -> TextIO:
    """The folder's lock, which every stage's process inherits: two runs would write the same checkpoints.

    Raises:
        SystemExit: another run is at work there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = (folder / "run.lock").open("w")
    until = time.monotonic() + LOCK_WAIT_S
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                lock.close()
                raise SystemExit(f"another run is at work in {folder}: wait for it, or stop it") from None
            time.sleep(LOOK_S)
        else:
            return lock


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
    recipe = Recipe(arguments)
    for stage in arguments.stages:
        print(f"== {stage}", flush=True)
        recipe.run(stage)


if __name__ == "__main__":
    main()
