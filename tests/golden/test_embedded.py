"""Golden tokens of the embedded model, digests of shipped files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from support.takes import run

from resonance.errors import DataLoss, NotFound
from resonance.settings import Settings
from resonance_model.decoder.kv_cache import CacheSlot
from resonance_model.decoder.sampling import Sampling
from resonance_model.decoder.sequence import TokenSequence
from resonance_model.loaded_model import LoadedModel
from resonance_model.loaders import embedded as embedded_loader
from resonance_model.loaders import load_model
from resonance_model.loaders.embedded import WEIGHTS, check_weights

GOLDEN = json.loads((WEIGHTS / "golden.json").read_text())


@pytest.fixture(scope="module")
def embedded() -> LoadedModel:
    return load_model(Settings())


def test_the_golden_prompt_gives_the_golden_tokens(embedded: LoadedModel) -> None:
    expected = torch.tensor(GOLDEN["codes"])
    conditioning = embedded.decoder.condition([(embedded.encode_text([GOLDEN["prompt"]])[0], 1.0)])
    sampling = Sampling(guidance_scale=GOLDEN["guidance_scale"], temperature=0.0, top_k=0, seed=0)
    sequence = TokenSequence(
        embedded.decoder,
        CacheSlot(embedded.config, conditioning),
        sampling,
        frame_count=expected.shape[1],
        window_steps=1504,
        context_frames=750,
    )
    run(embedded, [sequence])
    codes = sequence.frames(0, expected.shape[1])
    # Greedy tokens of a trained model are far apart, but another processor adds in another order: a rare tie may differ.
    assert (codes == expected).float().mean() > 0.95
    assert torch.equal(codes[:, :8], expected[:, :8])


def test_a_damaged_weights_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "digest.json").write_text(json.dumps({"sha256": {"config.json": "0" * 64}}))
    with pytest.raises(DataLoss, match="install Resonance again"):
        check_weights(tmp_path)


def test_an_installation_without_weights_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded_loader, "WEIGHTS", tmp_path)
    with pytest.raises(NotFound, match=r"make model.*RESONANCE_MODEL") as refusal:
        load_model(Settings(data_dir=tmp_path / "data"))
    assert refusal.value.reason == "NO_WEIGHTS"
    assert not (tmp_path / "data").exists(), "no other weights are made in their place"


def test_the_weights_fit_in_the_package() -> None:
    assert sum(path.stat().st_size for path in WEIGHTS.rglob("*") if path.is_file()) <= 25_000_000


def test_what_is_shipped_for_steering_belongs_to_these_weights(embedded: LoadedModel) -> None:
    made_for = json.loads((WEIGHTS / "steering" / "made_for.json").read_text())
    assert made_for["model_digest"] == embedded.description.digest, "run scripts/ship_steering.py"
