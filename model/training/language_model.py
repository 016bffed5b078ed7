"""Language model: MusicGen's decoder with an analytic start.

Heads of the start look one bar, two bars and a few frames back.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Final, Protocol

import torch
from torch import Tensor, nn
from transformers import MusicgenDecoderConfig, MusicgenForCausalLM, MusicgenForConditionalGeneration, T5EncoderModel

WIDTH: Final = 192
LAYERS: Final = 6
HEADS: Final = 4
# What each head of a layer looks at when training starts: the input this many frames back. Loops last 128, 160, 192 or
# 256 frames and the token wanted next is one further on, so the copy of a bar is found by position from the first step.
LOOPS: Final = (127, 159, 191, 255)
NEIGHBOURS: Final = (1, 2, 3, 4)
BEATS: Final = (19, 23, 31, 39)
BARS: Final = (47, 63, 79, 95)
COPYING_LAYERS: Final = (1, 2, 3)
COPY_GAIN: Final = 0.5
COPY_LOGIT: Final = 0.3
SHARPNESS: Final = 9.0
_PAIRS: Final = WIDTH // HEADS // 2
_COLUMNS: Final = tuple(round(pair * 1.5) for pair in range(_PAIRS))  # the frequencies that the heads compare


def config() -> MusicgenDecoderConfig:
    """192 wide, six layers, four heads, four codebooks of 1,024 and the padding id 1,024."""
    return MusicgenDecoderConfig(
        vocab_size=1024,
        max_position_embeddings=2048,
        num_hidden_layers=LAYERS,
        ffn_dim=4 * WIDTH,
        num_attention_heads=HEADS,
        hidden_size=WIDTH,
        num_codebooks=4,
        audio_channels=1,
        layerdrop=0.0,
        dropout=0.0,
        attention_dropout=0.0,
        activation_dropout=0.0,
        pad_token_id=1024,
        bos_token_id=1024,
        scale_embedding=False,
        tie_word_embeddings=False,
    )


class Player(nn.Module):
    """Text encoder, projection and decoder, named as in MusicgenForConditionalGeneration."""

    def __init__(self, text_encoder: T5EncoderModel) -> None:
        super().__init__()
        self.text_encoder = text_encoder
        self.decoder = MusicgenForCausalLM(config())
        self.enc_to_dec_proj = nn.Linear(text_encoder.config.d_model, WIDTH)

    def forward(self, ids: Tensor, word_ids: Tensor, mask: Tensor, kept: Tensor) -> Tensor:
        """Logits [windows, 4, positions, 1024]; rows whose `kept` is 0 see zero states, as guidance's empty prompt does."""
        states = self.text_encoder(input_ids=word_ids, attention_mask=mask).last_hidden_state
        states = self.enc_to_dec_proj(states) * (mask * kept[:, None])[..., None]
        windows, books, positions = ids.shape
        logits: Tensor = self.decoder(
            input_ids=ids.reshape(windows * books, positions),
            encoder_hidden_states=states,
            encoder_attention_mask=mask,
            use_cache=False,
        ).logits
        return logits.view(windows, books, positions, -1)

    def load_exported(self, folder: Path) -> None:
        """Take text encoder, projection and decoder from an exported MusicGen folder."""
        model = MusicgenForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)
        self.text_encoder.load_state_dict(model.text_encoder.state_dict())
        self.decoder.load_state_dict(model.decoder.state_dict())
        self.enc_to_dec_proj.load_state_dict(model.enc_to_dec_proj.state_dict())


@torch.no_grad()
def start(player: Player) -> None:
    """Initial weights: scaled orthogonal projections, audible tokens, gain-1 cross-attention, and heads at the lags."""
    decoder = player.decoder.model.decoder
    clock = [*_COLUMNS, *(WIDTH // 2 + column for column in _COLUMNS)]  # kept nearly free of content at first
    for embedding in decoder.embed_tokens:
        embedding.weight.normal_(0, 0.25)
        embedding.weight[:, clock] *= 0.05
    nn.init.orthogonal_(player.enc_to_dec_proj.weight)
    player.enc_to_dec_proj.bias.zero_()
    quiet = 1 / math.sqrt(2 * LAYERS)
    for _index, layer in enumerate(decoder.layers):
        for attention, gain in ((layer.self_attn, quiet), (layer.encoder_attn, 1.0)):
            for projection in (attention.q_proj, attention.k_proj, attention.v_proj):
                nn.init.orthogonal_(projection.weight)
            nn.init.orthogonal_(attention.out_proj.weight, gain)
        nn.init.orthogonal_(layer.fc1.weight, 1.0)
        nn.init.orthogonal_(layer.fc2.weight, quiet)
        for projection in (layer.self_attn.out_proj, layer.encoder_attn.out_proj, layer.fc2):
            projection.weight[clock] *= 0.05
    for head, lag in enumerate(NEIGHBOURS):
        _look_back(decoder.layers[0].self_attn, head, lag)
    for projection in player.decoder.lm_heads:
        projection.weight.normal_(0, 0.02)
    teach_copying(player)
    teach_metre(player)


@torch.no_grad()
def teach_metre(player: Player) -> None:
    """The last two layers' heads start a beat and a bar back: left alone they averaged over everything."""
    layers = player.decoder.model.decoder.layers
    for index, lags in ((4, BEATS), (5, BARS)):
        for head, lag in enumerate(lags):
            _look_back(layers[index].self_attn, head, lag)


@torch.no_grad()
def teach_copying(player: Player) -> None:
    """Heads that fetch the token one loop ago, third by third of its embedding, rotated, and output words that know the rotation.

    A token fetched by position is worth nothing until values, output and vocabulary agree on how to read it; measured, that
    agreement did not come about by itself in a million frames. The rotation keeps the present token from being repeated.
    """
    decoder = player.decoder.model.decoder
    free = torch.tensor([column for column in range(WIDTH) if column % (WIDTH // 2) not in _COLUMNS])
    size = WIDTH // HEADS
    generator = torch.Generator().manual_seed(3)
    rotation = torch.zeros(WIDTH, WIDTH)
    for part, index in enumerate(COPYING_LAYERS):
        attention, columns = decoder.layers[index].self_attn, free[part * size : (part + 1) * size]
        turn = torch.linalg.qr(torch.randn(size, size, generator=generator))[0]
        rotation[columns[:, None], columns[None]] = turn
        for head, lag in enumerate(LOOPS):
            _look_back(attention, head, lag)
            rows = torch.arange(head * size, (head + 1) * size)
            attention.v_proj.weight[rows] = 0
            attention.v_proj.weight[rows[:, None], columns[None]] = torch.eye(size)
            attention.out_proj.weight[:, rows] = 0
            attention.out_proj.weight[columns[:, None], rows[None]] = turn * COPY_GAIN
    for embedding, projection in zip(decoder.embed_tokens, player.decoder.lm_heads, strict=True):
        spoken = embedding.weight[:1024].clone()
        spoken[:, [column for column in range(WIDTH) if column % (WIDTH // 2) in _COLUMNS]] = 0
        projection.weight += COPY_LOGIT * (spoken @ rotation.T) / decoder.layer_norm.weight


class Attention(Protocol):
    """The two projections of an attention layer that say where it looks."""

    @property
    def q_proj(self) -> nn.Linear: ...

    @property
    def k_proj(self) -> nn.Linear: ...


def _look_back(attention: Attention, head: int, lag: int) -> None:
    """Make a head's query the key of the position `lag` earlier, using sinusoidal positions' rotations."""
    size, half = WIDTH // HEADS, WIDTH // 2
    query, key = torch.zeros(size, WIDTH), torch.zeros(size, WIDTH)
    for pair, column in enumerate(_COLUMNS):
        angle = lag * math.exp(-column * math.log(10_000) / (half - 1))
        cosine, sine = math.cos(angle), math.sin(angle)
        key[2 * pair, column] = key[2 * pair + 1, half + column] = 1.0
        query[2 * pair, column], query[2 * pair, half + column] = cosine, sine
        query[2 * pair + 1, half + column], query[2 * pair + 1, column] = cosine, -sine
    rows = slice(head * size, (head + 1) * size)
    attention.q_proj.weight[rows] = query * math.sqrt(SHARPNESS)
    attention.k_proj.weight[rows] = key * math.sqrt(SHARPNESS)
