"""Where tracks come from: uploads, and links that yt-dlp reads."""

from resonance_ingest.sources.source import Playlist, Source, SourceTrack, plain_title

__all__ = ["Playlist", "Source", "SourceTrack", "plain_title"]
