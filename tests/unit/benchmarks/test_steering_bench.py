"""Steering bench: separate prompts and correct arithmetic.

No prompt of the bench made a direction.
"""

from __future__ import annotations

import time

import numpy as np
import pytest
from benchmarks.steering import bench_directions, goals
from benchmarks.steering.grid import (
    WORDED,
    Cell,
    random_cells,
    slider_cells,
    stack_cells,
    unsteered_cells,
    worded_cells,
)
from benchmarks.steering.latency import LiveClient
from benchmarks.steering.renderer import WHOLE, Share
from benchmarks.steering.sizes import PROMPTS, SIZES, Size

from resonance.steering.direction import Direction
from resonance.steering.sliders import SLIDER_NAMES, SLIDER_PAIRS
from resonance.v1 import generate_pb2, steering_pb2
from resonance_extract.activations.reference import PROMPTS as REFERENCE_PROMPTS
from resonance_extract.calibration.conditions import PROMPTS as CALIBRATION_PROMPTS
from resonance_extract.calibration.frechet import frechet, frechet_ratio


def test_no_prompt_of_the_bench_made_or_calibrated_a_direction() -> None:
    fitted = {text for pairs in SLIDER_PAIRS.values() for pair in pairs for text in pair}
    fitted |= set(REFERENCE_PROMPTS) | set(CALIBRATION_PROMPTS)
    assert not fitted & set(PROMPTS)
    assert len(set(PROMPTS)) == len(PROMPTS) == 24


def test_a_goal_of_a_slider_that_was_not_rendered_yet_is_not_met_but_absent() -> None:
    closed = {"closed": True, "spearman_all": 0.0}
    found = [goal for goal, *_ in goals.slider_goals([("energy", side, closed) for side in ("up", "down")], 1.0)]
    assert not [goal for goal in found if goal.startswith("size at the ends")]


def test_a_distance_of_which_too_few_clips_say_nothing_is_not_met() -> None:
    side = dict.fromkeys(("spearman", "spearman_all", "failed", "clips", "specificity", "frechet"), 0.0) | {
        "closed": False
    }
    rows = {goal: rest for goal, *rest in goals.slider_goals([("energy", "up", side)], 0.0)}
    assert rows["Frechet distance at the ends"][1:] == ["0 of 1 open (too few clips)", "**missed**"]


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES.keys())
def test_every_steered_clip_has_its_unsteered_twin_and_keys_are_unique(size: Size) -> None:
    ends = (-2.0, 3.0)
    grid = slider_cells(size, dict.fromkeys(SLIDER_NAMES, ends))
    plain = {cell.key for cell in unsteered_cells(size)}
    more = {cell.unsteered.key for (_, strength), cells in grid.items() if strength in ends for cell in cells} - plain
    steered = [cell for cells in grid.values() for cell in cells]
    assert {cell.unsteered.key for cell in steered} <= plain | more
    assert len(more) == size.prompts * (size.end_seeds - size.seeds)  # the renderer makes them with the ends
    assert len({cell.key for cell in steered}) == len(steered)


def test_ends_and_joint_stacks_are_heard_more_often_than_the_rest() -> None:
    size, ends = SIZES["wide"], dict.fromkeys(SLIDER_NAMES, (-2.0, 3.0))
    counts = {strength: len(cells) for (name, strength), cells in slider_cells(size, ends).items() if name == "tempo"}
    assert {counts[-2.0], counts[3.0]} == {96}
    assert {count for strength, count in counts.items() if strength not in (-2.0, 3.0)} == {48}
    joint, plain_sum = (stack_cells(size, ends, way) for way in ("joint", "sum"))
    assert {len(cells) for cells in joint.values()} == {24}
    assert {len(cells) for cells in plain_sum.values()} == {8}
    assert set(joint) == set(plain_sum)


def test_the_full_size_is_the_one_that_was_asked_for() -> None:
    full = SIZES["full"]
    assert full.prompts >= 24
    assert full.seeds >= 2
    assert len(full.strengths) == 7
    assert full.clip_s == 10.0


def test_stacks_ask_only_of_open_sides_and_never_twice_of_one_slider() -> None:
    ends = dict.fromkeys(SLIDER_NAMES, (0.0, 0.0)) | {
        "energy": (-1.0, 3.0),
        "tempo": (0.0, 2.0),
        "bass_resonance": (-2.0, 0.0),
    }
    groups = stack_cells(SIZES["small"], ends, "joint")
    for group, cells in groups.items():
        assert len({name for name, _ in group}) == len(group)
        for name, sign in group:
            assert ends[name][1 if sign > 0 else 0]
        assert all(strength for cell in cells for _, strength in cell.pushes)


def test_every_cell_belongs_to_exactly_one_process() -> None:
    keys = [cell.key for cell in unsteered_cells(SIZES["full"])]
    for count in (1, 2, 3):
        owners = [[share.has(key) for share in (Share(index, count) for index in range(count))] for key in keys]
        assert all(sum(row) == 1 for row in owners)
        assert all(any(row[index] for row in owners) for index in range(count)), "every process has work"
    assert all(WHOLE.has(key) for key in keys)


def test_what_is_said_is_said_of_every_slider_beside_the_bare_prompt_and_pushes_nothing() -> None:
    assert set(WORDED) == set(SLIDER_NAMES)
    plain = {cell.key for cell in unsteered_cells(SIZES["small"])}
    for pairs in worded_cells(SIZES["small"]).values():
        assert {bare.key for _, bare in pairs} <= plain
        assert all(said.prompt.startswith(bare.prompt + ", ") and not said.pushes for said, bare in pairs)


def test_a_cells_key_depends_on_everything_that_shapes_it() -> None:
    cell = Cell(prompt="jazz", seed=1, clip_s=4.0, pushes=(("energy", 1.0),))
    others = [
        Cell(prompt="rock", seed=1, clip_s=4.0, pushes=(("energy", 1.0),)),
        Cell(prompt="jazz", seed=2, clip_s=4.0, pushes=(("energy", 1.0),)),
        Cell(prompt="jazz", seed=1, clip_s=4.0, pushes=(("energy", 2.0),)),
        Cell(prompt="jazz", seed=1, clip_s=4.0, pushes=(("energy", 1.0),), rule="ease"),
        Cell(prompt="jazz", seed=1, clip_s=4.0, pushes=(("energy", 1.0),), both_rows=True),
    ]
    assert cell.key not in {other.key for other in others}
    assert cell.key == Cell(prompt="jazz", seed=1, clip_s=4.0, pushes=(("energy", 1.0),)).key


def test_the_frechet_distance_of_two_gaussians_is_the_known_one() -> None:
    chance = np.random.default_rng(0)
    one, other = chance.normal(size=(4000, 3)), 2.0 * chance.normal(size=(4000, 3)) + np.array([3.0, 0.0, 0.0])
    assert frechet(one, one) == pytest.approx(0.0, abs=1e-6)
    assert frechet(one, other) == pytest.approx(9.0 + 3.0, rel=0.05)  # |m|^2 + sum (s1 - s2)^2


def test_chance_alone_has_a_frechet_ratio_near_one_and_a_shift_does_not() -> None:
    chance = np.random.default_rng(1)
    clips, twins_, others = chance.normal(size=(3, 200, 20))
    assert frechet_ratio(clips, twins_, others) == pytest.approx(1.0, abs=0.6)
    assert frechet_ratio(clips + 2.0, twins_, others) > 5
    assert frechet_ratio(clips[:2], twins_, others) == 0.0, "two clips say nothing"


def test_the_grid_lies_inside_the_safe_range_and_as_far_again_beyond() -> None:
    ends = dict.fromkeys(SLIDER_NAMES, (-2.0, 0.0))
    strengths = {strength for name, strength in slider_cells(SIZES["medium"], ends) if name == "tempo"}
    assert strengths == {-0.4, -0.8, -1.4, -2.0, -3.2}, "a closed side is not rendered"


def test_the_split_half_row_is_that_of_the_taste_that_ships() -> None:
    tastes = {
        "judged": {"contrast 1": 0.5, "words": 0.3},
        "real_tracks_judged": 0.7,
        "chance": 0.125,
        "real_tracks": 0.5,
        "split_half": {"mean": {"2": 0.3, "6": 0.5}, "contrast": {"2": 0.7, "6": 0.95}},
    }
    rows = {row[0]: row for row in goals.taste_goals(tastes)}
    (row,) = (row for name, row in rows.items() if name.startswith("split-half"))
    assert row[2].startswith("0.95")
    assert row[3] == "met"


def test_a_turn_is_heard_when_its_sample_came_and_its_turn_to_play_was() -> None:
    client = LiveClient(rate=100)
    client.opened_s, client.sent_s = time.monotonic() - 1.0, {0.5: time.monotonic() - 0.3}
    in_force = generate_pb2.RecipeInForce(recipe_id="r", recipe=steering_pb2.Recipe(sliders={"energy": 0.5}))
    client.add_event(generate_pb2.PerformResponse(recipe=in_force), "energy")
    client.add_event(generate_pb2.PerformResponse(chunk={"recipe_id": "r", "sample_offset": 150}), "energy")
    assert client.delays_s == [pytest.approx(0.8, abs=0.05)], "it came at once, but plays half a second from now"
    client.add_event(generate_pb2.PerformResponse(chunk={"recipe_id": "r", "sample_offset": 170}), "energy")
    assert len(client.delays_s) == 1
    assert client.spare_s == [pytest.approx(0.5, abs=0.05), pytest.approx(0.7, abs=0.05)]


def test_a_client_waits_for_a_late_chunk_and_plays_on_from_there() -> None:
    client = LiveClient(rate=100)
    client.opened_s = time.monotonic() - 2.0
    client.add_event(generate_pb2.PerformResponse(chunk={"recipe_id": "r", "sample_offset": 150}), "energy")
    client.add_event(generate_pb2.PerformResponse(chunk={"recipe_id": "r", "sample_offset": 170}), "energy")
    assert client.spare_s == [pytest.approx(-0.5, abs=0.05), pytest.approx(0.2, abs=0.05)]


def test_a_random_direction_is_as_long_as_the_sliders_in_every_layer_and_not_along_it() -> None:
    rng = np.random.default_rng(3)
    per_layer = (rng.normal(size=(6, 320)) * rng.uniform(0.5, 4, size=(6, 1))).astype(np.float32)
    direction = Direction(
        model_digest="9" * 64,
        per_layer=per_layer,
        one_to_all=2 * per_layer,
        baselines=np.zeros((2, 6), dtype=np.float32),
    )
    drawn = bench_directions._random(direction, seed=0)
    for ours, theirs in ((drawn.per_layer, per_layer), (drawn.one_to_all, 2 * per_layer)):
        assert np.allclose(np.linalg.norm(ours, axis=1), np.linalg.norm(theirs, axis=1), rtol=1e-4)
    assert abs(bench_directions.cosine(drawn.per_layer, per_layer)) < 0.1
    assert not np.array_equal(drawn.per_layer, bench_directions._random(direction, seed=1).per_layer)


def test_each_open_end_has_its_random_control_at_the_same_strength() -> None:
    ends = dict.fromkeys(SLIDER_NAMES, (-2.0, 3.0)) | {"tempo": (0.0, 1.0)}
    cells = random_cells(SIZES["wide"], ends)
    assert set(cells) == {(name, end) for name in SLIDER_NAMES for end in ends[name] if end}
    assert {cell.pushes for cell in cells["tempo", 1.0]} == {(("tempo:random", 1.0),)}
