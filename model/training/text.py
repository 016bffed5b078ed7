"""Text encoder: word-level tokenizer and a two-layer T5.

The T5 first learns to read a clip's labels out of its captions.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path
from random import Random
from typing import Any, Final

import torch
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors
from torch import Tensor, nn
from transformers import MusicgenForConditionalGeneration, PreTrainedTokenizerFast, T5Config, T5EncoderModel

from .captions import NUMBERS, caption, vocabulary
from .compose import compose
from .corpus import WORK
from .palette import DRUMS, GENRES, PROGRAMS
from .pieces import FRAMES_PER_SIXTEENTH

FOLDER: Final = WORK / "text"
TOKENS_MAX: Final = 32
INSTRUMENTS: Final = (*PROGRAMS, DRUMS)


def make_tokenizer() -> PreTrainedTokenizerFast:
    """Lower-cased words; punctuation is space; a number is the nearest tempo; other words are <unk>, which training has, too."""
    words = {word: index for index, word in enumerate(["<pad>", "</s>", "<unk>", *vocabulary()])}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.NFKD(),
            normalizers.StripAccents(),
            normalizers.Lowercase(),
            *(
                normalizers.Replace(Regex(rf"(?<![0-9a-z.])({_spelt(low, high)})(?![0-9ac-z])"), f"{tempo} ")
                for tempo, (low, high) in NUMBERS.items()
            ),
            normalizers.Replace(Regex(r"[^a-z0-9<>]+"), " "),
            normalizers.Strip(),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        eos_token="</s>",
        unk_token="<unk>",
        model_max_length=64,
        padding_side="right",
    )


def _spelt(low: int, high: int) -> str:
    return "|".join(str(number) for number in range(low, high + 1))


def config(words: int) -> T5Config:
    """128 wide, two layers, four heads."""
    return T5Config(
        vocab_size=words,
        d_model=128,
        d_kv=32,
        d_ff=512,
        num_layers=2,
        num_heads=4,
        dropout_rate=0.05,
        relative_attention_num_buckets=32,
        feed_forward_proj="relu",
        is_encoder_decoder=False,
        use_cache=False,
        pad_token_id=0,
        eos_token_id=1,
        decoder_start_token_id=0,
    )


def targets(labels: list[dict[str, Any]]) -> dict[str, Tensor]:
    """Class indices of each label, and which instruments play."""
    genres = sorted(GENRES)
    one = {
        "genre": [genres.index(label["genre"]) for label in labels],
        "tempo": [FRAMES_PER_SIXTEENTH.index(label["frames_per_sixteenth"]) for label in labels],
        "mode": [int(label["mode"] == "minor") for label in labels],
        **{
            name: [label[name] for label in labels]
            for name in (
                "energy",
                "bass_resonance",
                "harmonic_complexity",
                "instrument_density",
                "vocal_presence",
                "emotional_tension",
            )
        },
    }
    found = {name: torch.tensor(values) for name, values in one.items()}
    found["instruments"] = torch.tensor(
        [[float(name in label["instruments"]) for name in INSTRUMENTS] for label in labels]
    )
    return found


CLASSES: Final = {
    "genre": len(GENRES),
    "tempo": len(FRAMES_PER_SIXTEENTH),
    "mode": 2,
    "energy": 5,
    "bass_resonance": 3,
    "harmonic_complexity": 3,
    "instrument_density": 6,
    "vocal_presence": 3,
    "emotional_tension": 3,
    "instruments": len(INSTRUMENTS),
}


class Reader(nn.Module):
    """Linear heads over the mean of the encoder's states; discarded after pre-training."""

    def __init__(self) -> None:
        super().__init__()
        self.heads = nn.ModuleDict({name: nn.Linear(128, size) for name, size in CLASSES.items()})

    def forward(self, states: Tensor, mask: Tensor, wanted: dict[str, Tensor]) -> Tensor:
        """Summed loss of all labels."""
        pooled = (states * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
        losses = [
            nn.functional.cross_entropy(head(pooled), wanted[name])
            if name != "instruments"
            else nn.functional.binary_cross_entropy_with_logits(head(pooled), wanted[name]) * 8
            for name, head in self.heads.items()
        ]
        return torch.stack(losses).sum()


def pretrain(steps: int) -> None:
    """Label classification over fresh captions of composed (never rendered) pieces."""
    torch.manual_seed(2)
    random = Random(2)
    tokenizer = make_tokenizer()
    encoder, reader = T5EncoderModel(config(len(tokenizer))), Reader()
    labels = [compose(seed).labels.as_dict() for seed in range(10_000_000, 10_006_000)]
    optimiser = torch.optim.AdamW([*encoder.parameters(), *reader.parameters()], lr=2e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 2e-3, steps)
    for step in range(steps):
        batch = [random.choice(labels) for _ in range(128)]
        words = tokenizer(
            [caption(label, random) for label in batch],
            padding=True,
            truncation=True,
            max_length=TOKENS_MAX,
            return_tensors="pt",
        )
        states = encoder(input_ids=words["input_ids"], attention_mask=words["attention_mask"]).last_hidden_state
        loss = reader(states, words["attention_mask"], targets(batch))
        loss.backward()
        nn.utils.clip_grad_norm_(encoder.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        optimiser.zero_grad()
        if step % 100 == 0:
            print({"step": step, "loss": round(loss.item(), 3)}, flush=True)
    _keep(tokenizer, encoder)


def take_exported(folder: Path) -> None:
    """Tokenizer and text encoder of an exported MusicGen folder, as a later run's start."""
    exported = MusicgenForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)
    _keep(PreTrainedTokenizerFast.from_pretrained(folder), exported.text_encoder)


def _keep(tokenizer: PreTrainedTokenizerFast, encoder: T5EncoderModel) -> None:
    """Both, in one move: a folder that is there is whole."""
    partial = FOLDER.with_name(FOLDER.name + ".part")
    tokenizer.save_pretrained(partial)
    encoder.save_pretrained(partial)
    shutil.rmtree(FOLDER, ignore_errors=True)
    partial.rename(FOLDER)


def main() -> None:
    """Pre-train the text encoder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument(
        "--from-weights", type=Path, default=None, help="take tokenizer and encoder from an exported folder instead"
    )
    arguments: Any = parser.parse_args()
    if arguments.from_weights:
        take_exported(arguments.from_weights)
    elif not Path(FOLDER / "model.safetensors").exists():
        pretrain(arguments.steps)


if __name__ == "__main__":
    main()
