"""Sources of tracks: uploaded files, and links that yt-dlp reads."""

from resonance_ingest.sources.source import Playlist, Source, plain_title

__all__ = ["Playlist", "Source", "plain_title"]
