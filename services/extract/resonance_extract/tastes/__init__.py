"""Tastes: directions and descriptions of playlists, store, layer scan."""
