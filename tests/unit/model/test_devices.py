"""Devices: refusal of missing or incapable ones, with advice."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from resonance.errors import Unsupported
from resonance.settings import Settings
from resonance_model.decoder.static_batch import open_static_batch
from resonance_model.loaded_model import LoadedModel
from resonance_model.loaders import load_model

no_cuda = pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")


def refuse(**settings: str) -> Unsupported:
    with pytest.raises(Unsupported) as refused:
        load_model(Settings(**settings))  # type: ignore[arg-type]
    return refused.value


@no_cuda
def test_a_missing_gpu_is_refused() -> None:
    refusal = refuse(device="cuda", precision="fp16")
    assert refusal.reason == "NO_DEVICE"
    assert "RESONANCE_DEVICE" in refusal.message


def test_an_unknown_device_is_refused() -> None:
    assert refuse(device="abacus").reason == "NO_DEVICE"


def test_int8_is_refused_on_gpus_and_fp16_on_cpus() -> None:
    assert refuse(device="meta", precision="int8").reason == "NO_INT8_ON_DEVICE"
    assert refuse(device="cpu", precision="fp16").reason == "NO_FP16_ON_CPU"


@no_cuda
def test_the_service_does_not_start_and_says_why(tmp_path: Path) -> None:
    wanted = {"RESONANCE_DEVICE": "cuda", "RESONANCE_DATA_DIR": str(tmp_path), "RESONANCE_GRPC_ADDR": "127.0.0.1:0"}
    ended = subprocess.run(
        [sys.executable, "-m", "resonance_generate"],
        env={**os.environ, **wanted},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode != 0
    assert "RESONANCE_DEVICE" in ended.stdout + ended.stderr
    assert "Traceback" not in ended.stdout + ended.stderr


def test_other_devices_step_without_a_static_batch(tiny: LoadedModel) -> None:
    assert open_static_batch(tiny.decoder, place_count=2) is None
