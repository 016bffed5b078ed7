"""Linear layers: int8 accuracy, row results independent of the batch."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from support.takes import PROMPTS, build_sequence, codes_alone, run

from resonance.settings import Settings
from resonance_model.linear import (
    FloatLinear,
    Int8Linear,
    build_float_linear,
    build_linear,
    is_int8_packing_exact,
    onednn_int8_product,
    torch_int8_product,
)
from resonance_model.loaded_model import LoadedModel
from resonance_model.loaders.transformers import load_transformers


@pytest.fixture(scope="module")
def int8_model(tiny_folder: Path) -> LoadedModel:
    return load_transformers(str(tiny_folder), Settings(precision="int8"))


def test_int8_is_within_a_hundredth_of_the_floats() -> None:
    weight, rows = torch.randn(96, 64), torch.randn(5, 64)
    exact, near = FloatLinear(weight)(rows), Int8Linear(weight)(rows)
    assert (near - exact).norm() / exact.norm() < 0.01


def test_loud_other_rows_change_nothing() -> None:
    product = Int8Linear(torch.randn(96, 64))
    row = torch.randn(1, 64)
    alone = product(row.expand(4, -1))[0]
    for count in (1, 2, 3, 7, 16):
        assert torch.equal(product(torch.cat([row, torch.randn(count, 64) * 1000]))[0], alone)


# The shapes of the embedded model and of musicgen-small: attention, feed-forward, heads.
SHAPES = [(256, 768), (256, 256), (768, 256), (256, 4096), (1024, 3072), (1024, 4096), (4096, 1024), (1024, 8192)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("shape", SHAPES)
def test_company_changes_no_bit_of_a_float_row(shape: tuple[int, int], dtype: torch.dtype) -> None:
    product, rows = build_float_linear(torch.randn(shape[::-1]).to(dtype)), torch.randn(40, shape[0]).to(dtype)
    whole = product(rows)
    for count in (1, 2, 3, 4, 5, 6, 8, 15, 16, 24, 31):
        assert torch.equal(product(rows[:count].contiguous()), whole[:count]), count
        assert torch.equal(product(rows[-count:].contiguous()), whole[-count:]), count


def test_both_float_kernels_agree() -> None:
    weight, rows = torch.randn(512, 256), torch.randn(6, 256)
    torch.testing.assert_close(build_float_linear(weight)(rows), FloatLinear(weight)(rows), atol=1e-4, rtol=1e-5)


@pytest.mark.parametrize("shape", [(64, 96), (1024, 1024), (4096, 256)])
def test_both_kernels_sum_the_same_whole_numbers(shape: tuple[int, int]) -> None:
    """The largest numbers everywhere: a kernel that saturates or rounds fails."""
    matrix = torch.randint(-127, 128, shape[::-1]).to(torch.int8)
    matrix[0], matrix[1] = 127, -127
    rows = torch.randint(-127, 128, (5, shape[0])).float()
    rows[0], rows[1] = 127, -127
    expected = rows.double() @ matrix.double().T
    assert torch.equal(torch_int8_product(matrix)(rows.clone()).double(), expected)
    if is_int8_packing_exact():
        assert torch.equal(onednn_int8_product(matrix)(rows.clone()).double(), expected.float().double())


def test_a_row_of_zeros_gives_zeros() -> None:
    assert not build_linear(torch.randn(8, 4), "int8")(torch.zeros(3, 4)).any()


def test_joining_and_leaving_changes_no_other_takes_tokens_in_int8(int8_model: LoadedModel) -> None:
    sequences = [
        build_sequence(int8_model, PROMPTS[seed], frame_count=20, temperature=1.0, seed=seed) for seed in range(3)
    ]
    run(int8_model, sequences, joins=[0, 1, 7])
    for seed, sequence in enumerate(sequences):
        alone = codes_alone(int8_model, PROMPTS[seed], frame_count=20, temperature=1.0, seed=seed)
        assert torch.equal(sequence.frames(0, 20), alone)
