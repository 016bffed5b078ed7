"""Kill tests by seed, resumable: `kill -9` of workers, of the engine, of both at once; writes benchmarks/results/kills.json and .md.

python -m benchmarks.kills --rounds 100      runs the rounds that the results do not have yet
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks/results/kills.json"
PAGE = RESULTS.with_suffix(".md")
_ROUND_S_MAX = 1200
_OUTPUT_CHARS_MAX = 3000
# Title, test, and what it plays in one round.
TESTS = {
    "playlists": (
        "tests/faults/test_history.py::test_many_random_kills_break_no_promise",
        "8 clients at 2 replicas submit, repeat and cancel playlists; 6 kills at random moments",
    ),
    "videos": (
        "tests/faults/test_video_crashes.py::test_random_kills",
        "2 videos; 3 kills at random moments",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One run of a test with one seed."""

    work: str
    number: int
    is_passed: bool
    took_s: float
    load: float
    commit: str
    date: str
    kills: dict[str, int] = field(default_factory=dict)
    output: str = ""  # its errors and its end, where the run failed


def run_round(work: str, number: int, commit: str) -> Round:
    """Runs the test of that work in a process of its own."""
    began_s = time.monotonic()
    command = [sys.executable, "-m", "pytest", "-q", "-rP", "--tb=short", "-p", "no:cacheprovider", "--timeout", "1000"]
    done = subprocess.run(
        [*command, f"{TESTS[work][0]}[{number}]"],
        cwd=ROOT,
        env={**os.environ, "ROBUST": "1", "SEED": "1"},
        capture_output=True,
        text=True,
        timeout=_ROUND_S_MAX,
    )
    return Round(
        work=work,
        number=number,
        is_passed=done.returncode == 0,
        took_s=round(time.monotonic() - began_s, 1),
        load=round(os.getloadavg()[0], 1),
        commit=commit,
        date=f"{datetime.now(UTC):%Y-%m-%d}",
        kills=dict(Counter(re.findall(r"^kill: (.+)$", done.stdout, re.MULTILINE))),
        output="" if done.returncode == 0 else "\n".join([*_errors(done.stdout), done.stdout[-_OUTPUT_CHARS_MAX:]]),
    )


def _errors(output: str) -> list[str]:
    """Lines of pytest that say what failed, and where."""
    return re.findall(r"^(?:E  .*|tests/.*: in .*)$", output, re.MULTILINE)


def read_rounds() -> list[Round]:
    """What earlier runs have written."""
    return [Round(**one) for one in json.loads(RESULTS.read_text())] if RESULTS.exists() else []


def write(rounds: list[Round]) -> None:
    """Writes the rounds, and the page about them."""
    RESULTS.write_text(json.dumps([asdict(one) for one in rounds], indent=1) + "\n")
    lines = [
        "# Kill tests by seed",
        "",
        "`python -m benchmarks.kills` writes this page. A round is one seed: `kill -9` at random moments, and then all of the "
        "test's promises are checked. A round that failed is run again, once, and both runs stand here.",
        "",
        "| work | round | rounds | passed | failed runs | killed | seconds a round, median | load | commits | date |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for work, (_, played) in TESTS.items():
        if own := [one for one in rounds if one.work == work]:
            kills: Counter[str] = Counter()
            for one in own:
                kills.update(one.kills)
            passed = {one.number for one in own if one.is_passed}
            failed = [f"{one.number} (load {one.load:.0f})" for one in own if not one.is_passed]
            cells = (
                *(work, played, len({one.number for one in own}), len(passed), ", ".join(failed) or 0),
                ", ".join(f"{name} {count}" for name, count in sorted(kills.items())),
                f"{statistics.median(one.took_s for one in own):.0f}",
                f"{min(one.load for one in own):.0f} to {max(one.load for one in own):.0f}",
                *(", ".join(dict.fromkeys(getattr(one, name) for one in own)) for name in ("commit", "date")),
            )
            lines.append("| " + " | ".join(map(str, cells)) + " |")
    PAGE.write_text("\n".join(lines) + "\n")


def main() -> None:
    """Runs what is missing."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--rounds", type=int, default=100)
    asked.add_argument("--minutes", type=float, default=600.0, help="begins no further round after this time")
    asked.add_argument("--commit", default="", help="name of the code's version, where it is no checkout")
    arguments = asked.parse_args()
    commit = (
        arguments.commit
        or subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout.strip()
    )
    rounds, until_s = read_rounds(), time.monotonic() + 60 * arguments.minutes
    for number in range(arguments.rounds):
        for work in TESTS:
            runs = [one for one in rounds if (one.work, one.number) == (work, number)]
            if time.monotonic() < until_s and len(runs) < 2 and not any(one.is_passed for one in runs):
                rounds.append(run_round(work, number, commit))
                write(rounds)
                print(
                    work, number, "passed" if rounds[-1].is_passed else "FAILED", f"{rounds[-1].took_s} s", flush=True
                )


if __name__ == "__main__":
    main()
