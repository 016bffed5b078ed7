"""Recipe resumption: intact files after signals, no surviving processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from model.training import evaluate, run
from model.training.stopping import Stop
from model.training.train import forget_after

PARENT = """
import subprocess, sys
from model.training.stopping import end_with_parent
child = subprocess.Popen(["sleep", "60"], preexec_fn=end_with_parent)
print(child.pid, flush=True)
child.wait()
"""


def test_a_signal_asks_to_stop_and_does_not_kill() -> None:
    known = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        stop = Stop()
        assert not stop.asked
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.asked
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL, "the second one does"
    finally:
        for number, handler in known.items():
            signal.signal(number, handler)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent has died")
def test_a_stage_ends_when_the_recipe_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.kill()
    until = time.monotonic() + 10
    while _runs(child):
        assert time.monotonic() < until, "the stage outlived the recipe"
        time.sleep(0.02)


def _runs(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_two_runs_in_one_folder_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "LOCK_WAIT_S", 0.0)
    with run._alone(tmp_path), pytest.raises(SystemExit, match="another run is at work"):
        run._alone(tmp_path)
    run._alone(tmp_path).close()


def test_only_what_a_checkpoint_holds_counts_as_spent(tmp_path: Path) -> None:
    assert run.progress(tmp_path / "checkpoint.pt") == (0, 0)
    torch.save({"spent_s": 90.0, "step": 7, "player": {"weight": torch.zeros(3)}}, tmp_path / "checkpoint.pt")
    assert run.progress(tmp_path / "checkpoint.pt") == (1.5, 7)


def test_a_run_that_was_stopped_in_its_last_seconds_is_examined_all_the_same(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    assert not run.is_examined(log, 7)
    log.write_text(json.dumps({"step": 6, "frame_0": {}}) + "\n" + json.dumps({"step": 7, "loss": 3.0}) + "\n")
    assert run.is_examined(log, 6)
    assert not run.is_examined(log, 7)


def test_the_log_forgets_steps_that_will_be_made_again(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text("".join(json.dumps({"step": step}) + "\n" for step in (50, 100, 150)))
    forget_after(log, 120)
    assert [json.loads(line)["step"] for line in log.read_text().splitlines()] == [50, 100]


def test_figures_of_other_weights_are_not_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "evaluation.json"
    path.write_text(json.dumps({"energy": 1, "weights_sha256": "a"}))
    assert evaluate.known_figures(path, "a")["energy"] == 1
    assert evaluate.known_figures(path, "b") == {}
