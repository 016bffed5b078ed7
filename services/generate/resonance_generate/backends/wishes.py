"""Wishes of requests: which controls a request uses, and the first backend that obeys them."""

from __future__ import annotations

from collections.abc import Sequence

from resonance.errors import NotFound, Unsupported
from resonance.steering.sliders import SLIDER_NAMES
from resonance.v1 import generate_pb2, steering_pb2
from resonance_generate.backends.capabilities import Backend

_OPTIONAL = ("bpm", "guidance_scale", "temperature", "top_k", "novelty")


def controls_of_recipe(recipe: steering_pb2.Recipe) -> list[str]:
    """The controls that a recipe uses."""
    used = ["prompts", *(name for name in _OPTIONAL if recipe.HasField(name))]
    used += [name for name in ("tastes", "concepts", "key", "negative_prompt") if getattr(recipe, name)]
    return used + [f"sliders.{name}" for name in SLIDER_NAMES if getattr(recipe.sliders, name)]


def controls_of_take(request: generate_pb2.GenerateRequest) -> list[str]:
    """The controls that a request for a take uses."""
    used = [name for name in ("melody", "origin", "origin_sound", "seed") if request.HasField(name)]
    used += [name for name in ("loop", "recipe_changes", "is_transient") if getattr(request, name)]
    return [*controls_of_recipe(request.recipe), "duration_s", *used]


def controls_of_performance(opening: generate_pb2.PerformOpening) -> list[str]:
    """The controls that the opening of a performance uses."""
    used = [name for name in ("melody", "seed") if opening.HasField(name)]
    return [*controls_of_recipe(opening.recipe), *used, *(["keep"] if opening.keep else [])]


def choose_backend(name: str, backends: Sequence[Backend], used: Sequence[str], *, performs: bool) -> Backend:
    """The backend of that name; without a name the first that obeys all controls, else the first that can be asked at all.

    Raises:
        NotFound: there is no such backend.
        Unsupported: the named one makes no takes, or no live music.
    """
    able = [one for one in backends if (one.info.performs if performs else one.info.makes_takes)]
    if name:
        if name not in [one.name for one in backends]:
            known = ", ".join(one.name for one in backends)
            raise NotFound(f"this installation has no backend {name}; it has {known}", reason="NO_SUCH_BACKEND")
        chosen = next((one for one in able if one.name == name), None)
        if chosen is None:
            what = "plays no live music" if performs else "makes no takes"
            raise Unsupported(f"the backend {name} {what}", reason="BACKEND_CANNOT")
        return chosen
    if not able:
        raise Unsupported("no backend of this installation can do this", reason="BACKEND_CANNOT")
    return next((one for one in able if not ignored_controls(one, used)), able[0])


def ignored_controls(backend: Backend, used: Sequence[str]) -> list[str]:
    """The controls of a request that have no effect on a backend."""
    return [name for name in used if backend.support(name) == generate_pb2.CONTROL_SUPPORT_NONE]
