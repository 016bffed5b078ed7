"""Scenes by a real pipeline of diffusers with random weights, as small as its parts can be.

This lane runs where diffusers is installed (`make diffusers` runs it); no service needs it, so the default environment has none.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import av
import pytest

pytest.importorskip("diffusers", reason="diffusers is not installed; `make diffusers` installs it and runs this lane")
# Each picture loads torch in a child of its own.
pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.timeout(900)]

from support.video import song_map  # noqa: E402

from resonance.errors import Unavailable  # noqa: E402
from resonance_video.directing import direct, scene_request  # noqa: E402
from resonance_video.fitting import SceneSpec, is_alike  # noqa: E402
from resonance_video.models import Aspect, SceneRequest  # noqa: E402
from resonance_video.scenes.diffusers_scenes import DiffusersScenes  # noqa: E402
from resonance_video.treatment import read_concept  # noqa: E402

MAP = song_map(16.0)
TREATMENT = read_concept("a woman in a red coat walks in the city at night", MAP, seed=2)
PLAN = direct(MAP, TREATMENT, seed=2)


def request_of(aspect: Aspect, size: tuple[int, int]) -> SceneRequest:
    return scene_request(PLAN, PLAN.shots[0], MAP, TREATMENT, aspect=aspect, width=size[0], height=size[1])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Stable Diffusion of random weights, as `save_pretrained` writes it."""
    import torch
    from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    torch.manual_seed(0)
    place = tmp_path_factory.mktemp("pipeline")
    blocks: dict[str, Any] = {"block_out_channels": (8, 16), "layers_per_block": 1, "norm_num_groups": 8}
    unet = UNet2DConditionModel(
        sample_size=8,
        in_channels=4,
        out_channels=4,
        cross_attention_dim=16,
        attention_head_dim=2,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        **blocks,
    )
    vae = AutoencoderKL(
        in_channels=3,
        out_channels=3,
        latent_channels=4,
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        **blocks,
    )
    text = CLIPTextConfig(
        vocab_size=600, hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2
    )
    pipeline = StableDiffusionPipeline(
        unet=unet,
        vae=vae,
        text_encoder=CLIPTextModel(text),
        tokenizer=_tokenizer(place),
        scheduler=DDIMScheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.save_pretrained(place / "tiny", safe_serialization=True)
    return place / "tiny"


def _tokenizer(place: Path) -> Any:
    """CLIP's tokenizer with letters alone."""
    from transformers import CLIPTokenizer

    letters = [chr(code) for code in range(33, 127)]
    words = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    (place / "vocab.json").write_text(json.dumps({word: number for number, word in enumerate(words)}))
    (place / "merges.txt").write_text("#version: 0.2\n")
    return CLIPTokenizer(str(place / "vocab.json"), str(place / "merges.txt"), model_max_length=77)


async def test_a_picture_of_the_pipeline_becomes_a_scene_like_ours(folder: Path, tmp_path: Path) -> None:
    provider, size = DiffusersScenes(folder, python=sys.executable, steps=2, side=64), (144, 256)
    request = request_of("9:16", size)
    scene = await provider.make(request, (), tmp_path)
    assert is_alike(scene.video, SceneSpec(width=size[0], height=size[1], fps=24, frame_count=request.shot.frame_count))
    with av.open(str(scene.still)) as still:
        assert (still.streams.video[0].width, still.streams.video[0].height) == size
    assert scene.cost == 0
    again = await provider.make(request, (), tmp_path)
    assert again.still.read_bytes() == scene.still.read_bytes()
    other = await provider.make(request.model_copy(update={"seed": 5}), (), tmp_path)
    assert other.prompt_digest != scene.prompt_digest
    assert other.still.read_bytes() != again.still.read_bytes()


async def test_a_damaged_folder_and_weights_that_can_hold_code_are_refused(folder: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(folder, broken)
    weights = broken / "unet" / "diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))
    provider = DiffusersScenes(broken, python=sys.executable, steps=2, side=64)
    with pytest.raises(Unavailable) as failure:
        await provider.make(request_of("9:16", (144, 256)), (), tmp_path)
    assert failure.value.reason == "PIPELINE_FAILED"
    assert not list(tmp_path.glob("*.mp4"))
