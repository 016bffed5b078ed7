"""musicnn taggers (Pons and Serra 2019) in torch: tags, embeddings.

The weights are read from the musicnn wheel.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import librosa
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from .tensor_bundle import read_bundle

RATE_HZ: Final = 16_000
PATCH_FRAMES: Final = 187  # three seconds, the length that the models were trained on
_HOP, _FFT, _MELS = 256, 512, 96
_EPSILON: Final = 1e-3  # of tf.layers.batch_normalization
# The order of the models' outputs, from musicnn/configuration.py (ISC).
_MTT: Final = (
    "guitar,classical,slow,techno,strings,drums,electronic,rock,fast,piano,ambient,beat,violin,vocal,synth,female,indian,opera,male,"
    "singing,vocals,no vocals,harpsichord,loud,quiet,flute,woman,male vocal,no vocal,pop,soft,sitar,solo,man,classic,choir,voice,"
    "new age,dance,male voice,female vocal,beats,harp,cello,no voice,weird,country,metal,female voice,choral"
)
_MSD: Final = (
    "rock,pop,alternative,indie,electronic,female vocalists,dance,00s,alternative rock,jazz,beautiful,metal,chillout,male vocalists,"
    "classic rock,soul,indie rock,Mellow,electronica,80s,folk,90s,chill,instrumental,punk,oldies,blues,hard rock,ambient,acoustic,"
    "experimental,female vocalist,guitar,Hip-Hop,70s,party,country,easy listening,sexy,catchy,funk,electro,heavy metal,"
    "Progressive rock,60s,rnb,indie pop,sad,House,happy"
)
MTT_TAGS: Final = tuple(_MTT.split(","))
MSD_TAGS: Final = tuple(_MSD.split(","))


class Musicnn:
    """One of the wheel's two musicnn models; its two baselines (vgg) are left out."""

    def __init__(self, folder: Path, name: str) -> None:
        """`folder` is the unpacked wheel; `name` is MSD_musicnn or MTT_musicnn."""
        self.tag_names: Sequence[str] = MSD_TAGS if name.startswith("MSD") else MTT_TAGS
        weights = {
            key: torch.from_numpy(value.copy()) for key, value in read_bundle(f"{folder}/musicnn/{name}/").items()
        }
        self._net = _Musicnn(weights)

    def hear(self, audio: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The embedding and the tags' likelihoods of mono audio at 16 kHz, at least three seconds of it."""
        with torch.inference_mode():
            embedding, logits = self._net(torch.from_numpy(patches(audio)))
            return embedding.mean(0).numpy(), torch.sigmoid(logits).mean(0).numpy()


def patches(audio: NDArray[np.float32]) -> NDArray[np.float32]:
    """`[patches, 187, 96]`: log mel, patches beginning 1.5 s apart (the package's default has no overlap).

    Raises:
        ValueError: the audio is shorter than one patch.
    """
    mel = librosa.feature.melspectrogram(y=audio, sr=RATE_HZ, hop_length=_HOP, n_fft=_FFT, n_mels=_MELS).T
    log = np.log10(10_000 * mel + 1).astype(np.float32)
    starts = range(0, len(log) - PATCH_FRAMES + 1, PATCH_FRAMES // 2)
    if not starts:
        raise ValueError("musicnn hears three seconds or more")
    return np.stack([log[start : start + PATCH_FRAMES] for start in starts])


class _Layers:
    """tf.layers by their default names: the first `conv2d`, then `conv2d_1` and so on."""

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        self.weights = weights

    def conv(self, name: str, x: Tensor) -> Tensor:
        """Convolution and ReLU; kernels are stored height, width, in, out."""
        kernel = self.weights[f"{name}/kernel"].permute(3, 2, 0, 1)
        return F.relu(F.conv2d(x, kernel, self.weights[f"{name}/bias"]))

    def norm(self, index: int, x: Tensor) -> Tensor:
        """Batch normalization over the second axis."""
        name = f"batch_normalization_{index}" if index else "batch_normalization"
        mean, variance, gamma, beta = (
            self.weights[f"{name}/{key}"] for key in ("moving_mean", "moving_variance", "gamma", "beta")
        )
        return F.batch_norm(x, mean, variance, gamma, beta, eps=_EPSILON)

    def dense(self, name: str, x: Tensor) -> Tensor:
        return x @ self.weights[f"{name}/kernel"] + self.weights[f"{name}/bias"]


class _Musicnn(_Layers):
    def __call__(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """`[patches, frames, mels]` to the embedding `[patches, 200]` and the tags' logits."""
        x = self.norm(0, x[:, None])
        front = torch.cat([self._timbre(x), self._tempo(x)], dim=1)  # [patches, features, frames]
        return self._back(self._middle(front))

    def _timbre(self, x: Tensor) -> Tensor:
        wide = F.pad(x, (0, 0, 3, 3))
        return torch.cat([self._front(index, wide) for index in (0, 1)], dim=1)

    def _tempo(self, x: Tensor) -> Tensor:
        """Kernels of even length: TensorFlow pads one frame more behind than before."""
        parts = []
        for index, frames in ((2, 128), (3, 64), (4, 32)):
            parts.append(self._front(index, F.pad(x, (0, 0, frames // 2 - 1, frames // 2))))
        return torch.cat(parts, dim=1)

    def _front(self, index: int, x: Tensor) -> Tensor:
        name = f"conv2d_{index}" if index else "conv2d"
        return self.norm(index + 1, self.conv(name, x)).amax(dim=3)

    def _middle(self, front: Tensor) -> Tensor:
        """Three convolutions over time, the last two residual; dense connections."""
        one = self._over_time(5, front)
        two = self._over_time(6, one) + one
        three = self._over_time(7, two) + two
        return torch.cat([front, one, two, three], dim=1)

    def _over_time(self, index: int, x: Tensor) -> Tensor:
        padded = F.pad(x, (3, 3)).transpose(1, 2)[:, None]
        return self.norm(index + 1, self.conv(f"conv2d_{index}", padded))[..., 0]

    def _back(self, x: Tensor) -> tuple[Tensor, Tensor]:
        pooled = torch.stack([x.amax(dim=2), x.mean(dim=2)], dim=2).flatten(1)
        embedding = self.norm(10, F.relu(self.dense("dense", self.norm(9, pooled))))
        return embedding, self.dense("dense_1", embedding)
