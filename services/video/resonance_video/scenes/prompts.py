"""Prompts of scenes: what a shot shows, in words for a model that makes pictures or clips."""

from __future__ import annotations

from resonance_video.models import CharacterReference, SceneRequest, ShotSize, Style

_SIZES = {ShotSize.WIDE: "wide shot", ShotSize.MEDIUM: "medium shot", ShotSize.CLOSE: "close-up"}


def scene_prompt(request: SceneRequest, *, is_moving: bool) -> str:
    """The words of a scene. What must not change is written apart from what should be seen."""
    shot, style = request.shot, request.style
    staging = shot.staging
    parts = [
        f"{_SIZES[shot.size]} of a music video, {request.aspect}. {shot.summary}",
        f"Seen: {shot.direction}.",
        f"Motion: {shot.motion}." if is_moving else "",
        f"Hour: {staging.hour.start.value}; weather: {staging.weather.value}.",
        _style_words(style),
        *(f"Person, the same in every shot: {character_words(character)}" for character in request.characters),
        f"Must not change: {'; '.join(shot.constraints)}." if shot.constraints else "",
        f"A wish for this shot alone: {request.instruction}" if request.instruction else "",
        "No text, no captions, no logos, no flashing light.",
    ]
    return "\n".join(part for part in parts if part)


def portrait_prompt(character: CharacterReference, style: Style) -> str:
    """The words of a character's reference picture."""
    return "\n".join(
        (
            "A reference picture of one person, whole figure, neutral pose, plain ground, even light.",
            character_words(character),
            _style_words(style),
            "No text.",
        )
    )


def character_words(character: CharacterReference) -> str:
    """A character in words, with the attributes that are locked."""
    locked = ", ".join(f"{name} {value}" for name, value in sorted(character.locked.items()))
    words = [character.physical_description, character.wardrobe, *character.distinctive_features, locked]
    return "; ".join(word for word in words if word) + "."


def _style_words(style: Style) -> str:
    colours = ", ".join(f"{colour.name} {colour.hex}" for colour in style.palette)
    return f"Palette: {colours}. Lighting: {style.lighting}. Camera: {style.camera}."
