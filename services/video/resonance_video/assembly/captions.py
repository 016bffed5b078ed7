"""Captions and descriptions as WebVTT, through pysubs2."""

from __future__ import annotations

import pysubs2

from resonance_video.models import SectionRole, ShotPlan, SongMap

_ROLES = {
    SectionRole.INTRO: "intro",
    SectionRole.VERSE: "verse",
    SectionRole.CHORUS: "chorus",
    SectionRole.BRIDGE: "bridge",
    SectionRole.BREAK: "the music draws back",
    SectionRole.OUTRO: "outro",
}
_SECTION_S = 4.0


def captions_vtt(song_map: SongMap, *, title: str = "") -> str:
    """Captions: the song's sections in brackets, and sung or spoken words where they are known."""
    subtitles = pysubs2.SSAFile()
    for place, section in enumerate(song_map.sections):
        named = f"{title}, {_ROLES[section.role]}" if title and place == 0 else _ROLES[section.role]
        loudness = _loudness(section.energy)
        end_s = min(section.start_s + _SECTION_S, section.end_s)
        subtitles.append(_cue(section.start_s, end_s, f"[{named}: {loudness} music]"))
    for word in song_map.words:
        subtitles.append(_cue(word.start_s, word.end_s, word.text))
    return _vtt(subtitles)


def descriptions_vtt(plan: ShotPlan) -> str:
    """Descriptions for those who do not see the picture: the summary of each shot, from its first to its last frame."""
    subtitles = pysubs2.SSAFile()
    for shot in plan.shots:
        subtitles.append(_cue(shot.start_frame / plan.fps, shot.end_frame / plan.fps, shot.summary))
    return _vtt(subtitles)


def _cue(start_s: float, end_s: float, text: str) -> pysubs2.SSAEvent:
    event = pysubs2.SSAEvent(start=round(start_s * 1000), end=round(end_s * 1000))
    event.plaintext = " ".join(text.split())
    return event


def _loudness(energy: float) -> str:
    return "loud" if energy > 0.66 else "quiet" if energy < 0.33 else "steady"


def _vtt(subtitles: pysubs2.SSAFile) -> str:
    subtitles.sort()
    text: str = subtitles.to_string("vtt")
    return text
