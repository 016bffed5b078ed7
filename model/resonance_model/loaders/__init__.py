"""Checkpoint loaders: AudioCraft where possible, otherwise transformers.

AudioCraft is used where it is installed and can read the checkpoint. The result is a LoadedModel.
"""

from __future__ import annotations

import gc
import importlib.util
from pathlib import Path

import structlog
import torch

from resonance.errors import Unsupported
from resonance.settings import Settings
from resonance_model.allocator import limit_arenas, release_free_pages
from resonance_model.loaded_model import LoadedModel
from resonance_model.threads import choose_threads

_log = structlog.get_logger("model")


def load_model(settings: Settings, *, keep_library: bool = False) -> LoadedModel:
    """Loads the checkpoint `settings.model`: `embedded`, a folder, or a hub id.

    Raises:
        Unsupported: the backend is not installed or cannot read this checkpoint; the device is missing, or cannot compute in the
            precision; the model needs more memory than is free (MODEL_TOO_LARGE).
        NotFound: there is no such checkpoint, or the installation has no weights of the embedded one.
        DataLoss: a file of the embedded model is damaged.
    """
    limit_arenas()
    torch.set_num_threads(1 if settings.model_threads == "auto" else settings.model_threads)
    _check_device(settings.device, settings.precision)
    name, backend = settings.model, _backend_for(settings)
    _log.info("loading model", model=name, backend=backend)
    if backend == "audiocraft":
        from resonance_model.loaders.audiocraft import load_audiocraft

        loaded = load_audiocraft(name, settings, keep_library=keep_library)
    else:
        from resonance_model.loaders.transformers import load_transformers

        loaded = load_transformers(name, settings, keep_library=keep_library)
    gc.collect()  # the library's modules refer to each other, and hold the mapped file
    release_free_pages()
    choose_threads(loaded, settings.model_threads)
    _log.info("model ready", model=name, backend=loaded.description.backend, digest=loaded.description.digest[:12])
    return loaded


def _check_device(device: str, precision: str) -> None:
    try:
        kind = torch.zeros(1, device=device).device.type
    except (RuntimeError, AssertionError) as failure:
        raise Unsupported(
            f"this installation of torch {torch.__version__} cannot use {device!r} here ({_first_line(failure)}): install a torch built "
            "for it on a machine that has one, or leave RESONANCE_DEVICE at cpu",
            reason="NO_DEVICE",
        ) from failure
    if precision == "int8" and kind != "cpu":
        raise Unsupported(
            f"int8 runs on the CPU alone: choose RESONANCE_PRECISION=fp16 or bf16 for {device}",
            reason="NO_INT8_ON_DEVICE",
        )
    if precision == "fp16" and kind == "cpu":
        raise Unsupported("fp16 is for GPUs: on a CPU choose RESONANCE_PRECISION=bf16 or int8", reason="NO_FP16_ON_CPU")
    if kind == "cuda":
        # TF32 would round convolutions to ten bits; streamed sound must be exact to 1e-5.
        torch.backends.cudnn.allow_tf32 = False


def _first_line(failure: BaseException) -> str:
    return (str(failure).splitlines() or [type(failure).__name__])[0]


def has_audiocraft() -> bool:
    """True where AudioCraft is installed."""
    return importlib.util.find_spec("audiocraft") is not None


def _backend_for(settings: Settings) -> str:
    """AudioCraft first; transformers for folders in its layout and for the embedded model."""
    is_transformers_layout = settings.model == "embedded" or (Path(settings.model) / "config.json").is_file()
    if settings.backend == "audiocraft":
        if not has_audiocraft():
            raise Unsupported("AudioCraft is not installed; `make audiocraft` installs it", reason="NO_AUDIOCRAFT")
        if is_transformers_layout:
            raise Unsupported(
                f"{settings.model} is in transformers' layout, which AudioCraft cannot read; leave RESONANCE_BACKEND at auto",
                reason="WRONG_LAYOUT",
            )
        return "audiocraft"
    if settings.backend == "auto" and has_audiocraft() and not is_transformers_layout:
        return "audiocraft"
    return "transformers"
