"""Export of trained parts to a MusicgenForConditionalGeneration folder.

The folder has fp16 weights and digests.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path
from typing import Any, Final

import torch
from safetensors.torch import load_file, save_file
from transformers import (
    EncodecFeatureExtractor,
    MusicgenConfig,
    MusicgenForConditionalGeneration,
    MusicgenProcessor,
    PreTrainedTokenizerFast,
    T5EncoderModel,
)

from . import codec, corpus, language_model, text
from .codec import FOLDER as CODEC_FOLDER
from .codec import WEIGHTS, frozen_codec

BYTES_MAX: Final = 25_000_000
NOVELTY: Final = 1.0
GENERATION: Final[dict[str, Any]] = {
    "do_sample": True,
    "guidance_scale": 3.0,
    "top_k": 50,
    "temperature": 0.9,
    "max_new_tokens": 504,
}


def assemble(checkpoint: Path, kind: str = "player") -> MusicgenForConditionalGeneration:
    """The whole model in fp32, in transformers' own classes; `kind` "smooth" takes the averaged weights."""
    encoder = T5EncoderModel.from_pretrained(text.FOLDER, dtype=torch.float32)
    settings = MusicgenConfig(
        text_encoder=encoder.config, audio_encoder=codec.config(), decoder=language_model.config()
    )
    model = MusicgenForConditionalGeneration(settings)
    parts = language_model.Player(encoder)
    parts.load_state_dict(torch.load(checkpoint, weights_only=True)[kind])
    model.text_encoder.load_state_dict(parts.text_encoder.state_dict())
    model.decoder.load_state_dict(parts.decoder.state_dict())
    model.enc_to_dec_proj.load_state_dict(parts.enc_to_dec_proj.state_dict())
    model.audio_encoder.load_state_dict(
        frozen_codec("decoder" if (CODEC_FOLDER / "decoder.pt").exists() else "quantised").state_dict()
    )
    _describe(model)
    return model.eval()


def _describe(model: MusicgenForConditionalGeneration) -> None:
    """Ids and sampling as the engine and `generate` expect them; fp32 in memory although the file holds fp16."""
    generation = model.generation_config
    for name, value in {
        **GENERATION,
        "decoder_start_token_id": 1024,
        "pad_token_id": 1024,
        "bos_token_id": 1024,
    }.items():
        setattr(generation, name, value)
    for part in (model.config, model.config.text_encoder, model.config.audio_encoder, model.config.decoder):
        part.dtype = torch.float32
        part._name_or_path = ""
    model.config.novelty = NOVELTY
    model.config.decoder_start_token_id = model.config.pad_token_id = 1024


def write(model: MusicgenForConditionalGeneration, folder: Path) -> None:
    """Configs, halved weights, tokenizer, feature extractor and digest.json."""
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder)
    state = load_file(folder / "model.safetensors")
    halved = {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in state.items()}
    save_file(halved, folder / "model.safetensors", metadata={"format": "pt"})
    tokenizer = PreTrainedTokenizerFast.from_pretrained(text.FOLDER)
    extractor = EncodecFeatureExtractor(
        feature_size=1, sampling_rate=16_000, padding_side="left", return_attention_mask=True
    )
    extractor.save_pretrained(folder)  # processor_config.json says the same; older loaders look for this file
    MusicgenProcessor(extractor, tokenizer).save_pretrained(folder)
    (folder / "model.safetensors").chmod(0o644)
    write_digests(folder)
    total = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    if total > BYTES_MAX:
        raise SystemExit(f"the weights take {total} bytes; {BYTES_MAX} are allowed: make the decoder narrower")
    print({path.name: path.stat().st_size for path in sorted(folder.iterdir()) if path.is_file()}, total)


def write_polished(folder: Path) -> None:
    """Puts the polished decoder of the codec into a folder of weights, halved; nothing else there changes but the digests."""
    path = folder / "model.safetensors"
    state, polished = load_file(path), frozen_codec("polish").decoder.state_dict()
    names = {f"audio_encoder.decoder.{name}": tensor for name, tensor in polished.items()}
    if unknown := names.keys() - state.keys():
        raise SystemExit(f"the weights have no {', '.join(sorted(unknown))}")
    save_file(state | {name: tensor.half() for name, tensor in names.items()}, path, metadata={"format": "pt"})
    path.chmod(0o644)
    write_digests(folder)


def write_digests(folder: Path) -> None:
    """SHA-256 of every file but digest.json itself."""
    digests = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.iterdir())
        if path.is_file() and path.name != "digest.json"
    }
    (folder / "digest.json").write_text(json.dumps({"sha256": digests}, indent=1) + "\n")


def main() -> None:
    """Export a checkpoint, or only renew the digests after the card was edited."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, default=corpus.WORK / "player" / "checkpoint.pt")
    parser.add_argument("--folder", type=Path, default=WEIGHTS)
    parser.add_argument("--smooth", action="store_true", help="the averaged weights: as good as a decay, at any time")
    parser.add_argument("--polished", action="store_true", help="only the codec's decoder, from its polish")
    parser.add_argument("--digests-only", action="store_true")
    arguments = parser.parse_args()
    if arguments.digests_only:
        write_digests(arguments.folder)
    elif arguments.polished:
        write_polished(arguments.folder)
    else:
        write(assemble(arguments.checkpoint, "smooth" if arguments.smooth else "player"), arguments.folder)


if __name__ == "__main__":
    main()
