"""The seven sliders: names, and prompt pairs of their concepts."""

from __future__ import annotations

SLIDER_NAMES = (
    "energy",
    "tempo",
    "bass_resonance",
    "harmonic_complexity",
    "instrument_density",
    "vocal_presence",
    "emotional_tension",
)

# (more of it, less of it). The two sides of a pair differ in nothing else, so that the rest cancels in the mean. No pair of one slider
# has a word of another slider's, because their directions would share it.
SLIDER_PAIRS: dict[str, tuple[tuple[str, str], ...]] = {
    "energy": (
        ("energetic drums", "calm drums"),
        ("energetic piano", "calm piano"),
        ("powerful rock", "gentle rock"),
        ("loud driving electronic music", "soft gentle electronic music"),
        ("intense strings", "quiet strings"),
        ("lively jazz", "mellow jazz"),
    ),
    "tempo": (
        ("fast piano music", "slow piano music"),
        ("fast drums and bass", "slow drums and bass"),
        ("electronic music at 160 bpm", "electronic music at 70 bpm"),
        ("rapid guitar", "slow guitar"),
        ("rock at 150 bpm", "rock at 75 bpm"),
        ("fast jazz", "slow jazz"),
    ),
    "bass_resonance": (
        ("music with deep bass", "music with no bass"),
        ("electronic with heavy bass", "electronic without bass"),
        ("jazz with deep bass", "jazz without bass"),
        ("rock with strong bass", "rock with no bass"),
        ("hip hop with heavy bass", "hip hop without bass"),
        ("funk with deep bass", "funk with no bass"),
    ),
    "harmonic_complexity": (
        ("piano with complex rich harmony", "piano with simple plain harmony"),
        ("guitar with complex chords", "guitar with simple chords"),
        ("strings with jazzy chords", "strings with simple chords"),
        ("music with complex chords", "music with simple chords"),
        ("organ with rich harmony", "organ with simple harmony"),
        ("ambient with complex harmony", "ambient with simple harmony"),
    ),
    "instrument_density": (
        ("dense full band", "sparse minimal music"),
        ("dense electronic music", "sparse electronic music"),
        ("layered ambient with many instruments", "minimalist ambient with few instruments"),
        ("full band jazz", "minimal jazz"),
        ("dense layered rock", "sparse minimal rock"),
        ("full folk band", "sparse folk"),
    ),
    "vocal_presence": (
        ("music with choir vocals", "instrumental music"),
        ("pop with voice", "instrumental pop"),
        ("ambient with choir", "instrumental ambient"),
        ("piano with vocals", "instrumental piano"),
        ("rock with singing", "rock without vocals"),
        ("folk with vocals", "folk with no vocals"),
    ),
    "emotional_tension": (
        ("tense dark minor music", "happy hopeful major music"),
        ("tense strings", "cheerful strings"),
        ("dark tense cinematic music", "happy uplifting cinematic music"),
        ("tense piano in minor", "happy piano in major"),
        ("ominous ambient", "joyful ambient"),
        ("scary electronic music", "sunny electronic music"),
    ),
}
