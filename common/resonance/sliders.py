"""The seven sliders: their names, and the prompt pairs that their concepts are made from."""

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

# (more of it, less of it). The two sides of a pair differ in nothing else, so that the rest cancels in the mean.
SLIDER_PAIRS: dict[str, tuple[tuple[str, str], ...]] = {
    "energy": (
        ("fast energetic drums", "slow calm drums"),
        ("energetic rock", "calm rock"),
        ("loud driving electronic music", "soft gentle electronic music"),
        ("energetic piano", "calm piano"),
    ),
    "tempo": (
        ("fast piano music", "slow piano music"),
        ("fast drums and bass", "slow drums and bass"),
        ("fast guitar, high tempo", "slow guitar, low tempo"),
        ("electronic music at 160 bpm", "electronic music at 70 bpm"),
    ),
    "bass_resonance": (
        ("music with deep bass", "music with no bass"),
        ("electronic with deep heavy bass", "electronic with thin bright sound"),
        ("jazz with deep bass", "jazz without bass"),
        ("rock with deep bass", "rock without bass"),
    ),
    "harmonic_complexity": (
        ("complex jazz chords", "simple chords"),
        ("piano with complex rich harmony", "piano with simple plain harmony"),
        ("guitar with complex chords", "guitar with simple chords"),
        ("strings with rich chords", "strings with plain chords"),
    ),
    "instrument_density": (
        ("dense music with many instruments", "sparse music with one instrument"),
        ("dense full band", "sparse solo"),
        ("dense electronic music", "sparse electronic music"),
        ("full orchestra with many instruments", "solo strings"),
    ),
    "vocal_presence": (
        ("music with choir vocals", "instrumental music"),
        ("pop with voice", "instrumental pop"),
        ("ambient with choir", "instrumental ambient"),
        ("piano with vocals", "instrumental piano"),
    ),
    "emotional_tension": (
        ("tense dark minor music", "relaxed bright major music"),
        ("tense strings", "relaxed strings"),
        ("dark tense cinematic music", "happy relaxed cinematic music"),
        ("tense piano in minor", "relaxed piano in major"),
    ),
}
