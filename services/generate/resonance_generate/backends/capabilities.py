"""Controls of the backends: exact, by words, or not at all."""

from __future__ import annotations

from dataclasses import dataclass

from resonance.google.prices import Kind, Prices
from resonance.steering.sliders import SLIDER_NAMES
from resonance.v1 import generate_pb2

LOCAL, LYRIA_SONGS, LYRIA_LIVE = "local", "lyria-songs", "lyria-live"
NAMES = (LOCAL, LYRIA_SONGS, LYRIA_LIVE)
_EXACT, _WORDS, _NONE = (
    generate_pb2.CONTROL_SUPPORT_EXACT,
    generate_pb2.CONTROL_SUPPORT_WORDS,
    generate_pb2.CONTROL_SUPPORT_NONE,
)
_Support = dict[str, "generate_pb2.ControlSupport"]
_SLIDERS_BY_WORDS: _Support = {f"sliders.{name}": _WORDS for name in SLIDER_NAMES}
_TABLES: dict[str, _Support] = {
    LYRIA_SONGS: {
        "prompts": _WORDS,
        "negative_prompt": _WORDS,
        "tastes": _WORDS,
        "concepts": _WORDS,
        "bpm": _WORDS,
        "key": _WORDS,
        "duration_s": _WORDS,
        **_SLIDERS_BY_WORDS,
        **dict.fromkeys(
            ("guidance_scale", "temperature", "top_k", "novelty", "seed", "melody", "origin", "origin_sound", "loop"),
            _NONE,
        ),
        **dict.fromkeys(("recipe_changes", "is_transient"), _NONE),
    },
    LYRIA_LIVE: {
        "prompts": _EXACT,
        "tastes": _WORDS,
        "concepts": _WORDS,
        "bpm": _EXACT,
        "key": _EXACT,
        "seed": _EXACT,
        "guidance_scale": _EXACT,
        "temperature": _EXACT,
        "top_k": _EXACT,
        "novelty": _NONE,
        "negative_prompt": _NONE,
        "melody": _NONE,
        "keep": _NONE,
        **_SLIDERS_BY_WORDS,
        "sliders.energy": _WORDS,
        "sliders.tempo": _EXACT,
        "sliders.instrument_density": _EXACT,
        "sliders.harmonic_complexity": _WORDS,
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """A backend of this installation."""

    name: str
    info: generate_pb2.BackendInfo

    def support(self, control: str) -> int:
        """How a control acts; a local one acts by itself."""
        return _TABLES.get(self.name, {}).get(control, _EXACT if self.name == LOCAL else _NONE)


def local_backend(model: generate_pb2.ModelInfo) -> Backend:
    """The loaded model as a backend."""
    can_steer = model.capabilities.steering
    table: _Support = {
        **dict.fromkeys(("prompts", "duration_s", "seed", "guidance_scale", "temperature", "top_k", "novelty"), _EXACT),
        "negative_prompt": _EXACT if model.capabilities.negative_prompt else _NONE,
        "tastes": _EXACT if can_steer else _WORDS,
        "concepts": _EXACT if can_steer else _NONE,
        "melody": _EXACT if model.capabilities.melody else _NONE,
        "bpm": _WORDS if model.capabilities.tempo.means else _NONE,
        "key": _WORDS if model.capabilities.key.means else _NONE,
        **dict.fromkeys(("origin", "origin_sound", "loop", "recipe_changes", "is_transient", "keep"), _EXACT),
        **{f"sliders.{name}": _EXACT if can_steer else _NONE for name in SLIDER_NAMES},
    }
    info = generate_pb2.BackendInfo(
        name=LOCAL,
        model=model.model_id,
        makes_takes=True,
        performs=model.capabilities.live,
        is_local=True,
        sample_rate_hz=model.sample_rate_hz,
        channel_count=2 if model.capabilities.stereo else 1,
        controls=_controls(table),
    )
    return Backend(name=LOCAL, info=info)


def lyria_backend(name: str, model: str, prices: Prices, *, sample_rate_hz: int) -> Backend:
    """One of Google's as a backend."""
    kind = Kind.SONG if name == LYRIA_SONGS else Kind.LIVE_S
    info = generate_pb2.BackendInfo(
        name=name,
        model=model,
        makes_takes=name == LYRIA_SONGS,
        performs=name == LYRIA_LIVE,
        is_local=False,
        sample_rate_hz=sample_rate_hz,
        channel_count=2,
        controls=_controls(_TABLES[name]),
        price_usd=prices.usd.get(kind),
        price_unit=kind.value,
        price_day=prices.day,
    )
    return Backend(name=name, info=info)


def _controls(table: _Support) -> list[generate_pb2.BackendControl]:
    return [generate_pb2.BackendControl(name=name, support=support) for name, support in sorted(table.items())]
