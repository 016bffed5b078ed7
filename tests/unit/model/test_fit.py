"""Memory of a checkpoint: told beside what is free, refused in time, and no file kept open after loading."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
import safetensors.torch
import torch

from resonance.errors import Unsupported
from resonance.settings import Settings
from resonance_model.activations import ReadTakes, takes_at_once
from resonance_model.loaded_model import LoadedModel
from resonance_model.loaders import load_model, transformers
from resonance_model.loaders.fit import MemoryNeed, check_fit, free_bytes

GIB = 2**30
LARGE = MemoryNeed(weights=14 * GIB, take=2 * GIB, work=GIB)
SMALLER = MemoryNeed(weights=4 * GIB, take=2 * GIB, work=GIB)


def test_a_model_that_does_not_fit_is_refused_with_both_figures_and_the_setting_that_helps() -> None:
    with pytest.raises(Unsupported) as refusal:
        check_fit("large", LARGE, "fp32", SMALLER, total=16 * GIB, free=12 * GIB)
    assert refusal.value.reason == "MODEL_TOO_LARGE"
    assert refusal.value.message == (
        "large in fp32 needs 17.5 GiB of memory, and 12.0 GiB of this machine's 16.0 GiB are free: "
        "RESONANCE_PRECISION=int8 needs 7.5 GiB"
    )
    with pytest.raises(Unsupported, match="name a smaller checkpoint in RESONANCE_MODEL"):
        check_fit("large", LARGE, "fp32", SMALLER, total=8 * GIB, free=6 * GIB)
    check_fit("large", LARGE, "fp32", SMALLER, total=32 * GIB, free=18 * GIB)


def test_the_refusal_comes_before_a_weight_is_read(tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transformers, "free_bytes", lambda: (GIB, GIB // 4))
    monkeypatch.setattr(transformers, "_read", lambda *_: pytest.fail("the weights were read"))
    with pytest.raises(Unsupported) as refusal:
        load_model(Settings(model=str(tiny_folder)))
    assert refusal.value.reason == "MODEL_TOO_LARGE"


def test_an_operator_may_load_it_all_the_same(tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transformers, "free_bytes", lambda: (GIB, GIB // 4))
    load_model(Settings(model=str(tiny_folder), memory_check="off"))


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_nothing_of_the_checkpoint_stays_mapped_after_loading(tiny_folder: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_folder, tmp_path / "own")
    loaded = load_model(Settings(model=str(folder), precision="int8"))
    total, free = free_bytes()
    assert str(folder) not in Path("/proc/self/maps").read_text()
    assert 0 < free <= total
    assert loaded.encode_text(["music"])[0].dtype == torch.float32


def test_weights_stored_in_half_precision_are_the_same_model(tiny_folder: Path, tmp_path: Path) -> None:
    halves, singles = tmp_path / "halves", tmp_path / "singles"
    for folder in (halves, singles):
        shutil.copytree(tiny_folder, folder)
    state = safetensors.torch.load_file(tiny_folder / "model.safetensors")
    rounded = {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in state.items()}
    safetensors.torch.save_file(rounded, halves / "model.safetensors", metadata={"format": "pt"})
    back = {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in rounded.items()}
    safetensors.torch.save_file(back, singles / "model.safetensors", metadata={"format": "pt"})
    one, other = (load_model(Settings(model=str(folder))) for folder in (halves, singles))
    assert one.description.digest == other.description.digest
    codes = [_make(model) for model in (one, other)]
    assert torch.equal(*codes)
    assert torch.equal(one.codec.open_stream().finish(codes[0]), other.codec.open_stream().finish(codes[0]))


def _make(model: LoadedModel) -> torch.Tensor:
    takes = ReadTakes(model, ["jazz"], frame_count=20, seed=3)
    while not takes.is_finished:
        takes.advance(8)
    return takes.results()[0][0]


def test_fewer_takes_are_made_at_once_where_their_caches_are_large(
    tiny: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert takes_at_once(tiny, 200) == 4
    monkeypatch.setattr("resonance_model.activations.CACHE_BYTES_MAX", 700_000)
    assert takes_at_once(tiny, 200) == 2  # 2 x 2 x 3 layers x 32 x 203 positions x 4 bytes
    assert takes_at_once(tiny, 2000) == 1
