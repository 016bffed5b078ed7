"""Ingest: playlists in, clips out, tastes made by `extract`."""
