"""The live worklet in Node, on a simulated clock.

The queued samples are the delay of a control.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

import resonance_gateway

WORKLET = Path(resonance_gateway.__file__).parent / "static/js/sound/live-worklet.js"
pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="Node is not installed")

# Sound comes in chunks of 0.2 s; sample n has the value 1 + n % 1000, so that the output shows the position it came from.
_HARNESS = """
const fs = require("fs"), vm = require("vm"), plan = JSON.parse(process.argv[2]), rate = 16000, chunk = 3200;
let made = null;
class AudioWorkletProcessor { constructor() { this.port = { onmessage: null }; } }
const world = { AudioWorkletProcessor, sampleRate: rate, Math, Infinity, registerProcessor: (name, kind) => { made = kind; } };
vm.runInNewContext(fs.readFileSync(process.argv[1], "utf8"), world);
const player = new made({ processorOptions: { channelCount: 1 } });
let sent = 0;
const send = () => {
  const samples = new Int16Array(chunk).map((_, i) => 1 + ((sent + i) % 1000));
  sent += chunk;
  player.port.onmessage({ data: { samples } });
};
for (let i = 0; i < plan.before; i += 1) send();
const held = [], jumps = [];
let last = 0, clock = 0, next = (plan.before ? 0.08 : 0) * rate;
while (clock < plan.seconds * rate) {
  const asleep = plan.sleep && clock >= plan.sleep[0] * rate && clock < plan.sleep[1] * rate;
  if (clock >= next && !(plan.stop && clock >= plan.stop[0] * rate && clock < plan.stop[1] * rate)) { send(); next += chunk; }
  if (!asleep) {
    const output = [new Float32Array(128)];
    player.process([], [output]);
    for (const value of output[0]) if (!Number.isFinite(value)) throw new Error("not a number");
    for (const value of output[0]) { jumps.push(Math.abs(value - last)); last = value; }
  }
  clock += 128;
  if (clock % rate < 128) held.push(player._left / rate);
}
console.log(JSON.stringify({ held, worst: jumps.reduce((a, b) => Math.max(a, b), 0) }));
"""


def played(**plan: Any) -> dict[str, Any]:
    finished = subprocess.run(
        ["node", "-e", _HARNESS, str(WORKLET), json.dumps({"before": 0, **plan})],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    found: dict[str, Any] = json.loads(finished.stdout)
    return found


def test_what_is_held_is_the_lead_and_no_more() -> None:
    assert max(played(seconds=20)["held"]) < 0.4


def test_what_came_while_it_was_loaded_is_left_out() -> None:
    assert played(seconds=2, before=10)["held"][0] < 0.5


def test_a_sleep_is_not_kept_as_delay() -> None:
    held = played(seconds=40, sleep=[5, 25])["held"]
    assert max(held[25:27]) > 10, "the chunks of twenty seconds have piled up"
    assert max(held[30:]) < 0.6


def test_a_gap_makes_the_lead_longer_and_what_piles_up_behind_it_is_left_out() -> None:
    held = played(seconds=30, stop=[5, 6])["held"]
    assert max(held[5 + 2 * 3 + 2 :]) < 0.6, "a watch or two later"


def test_nothing_clicks() -> None:
    fade = 1000 / 32768 / (0.01 * 16000)
    assert played(seconds=40, sleep=[5, 25])["worst"] <= 1000 / 32768 + fade
