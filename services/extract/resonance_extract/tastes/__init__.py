"""Tastes: playlists as directions and in words, their store, and the layer scan of a taste."""
