"""Where tracks come from: uploads, and links that yt-dlp reads."""

from resonance_ingest.sources.source import Playlist, Source, SourceTrack

__all__ = ["Playlist", "Source", "SourceTrack"]
