"""Taste bench on real songs, with judges trained on recordings.

It measures how far music made with a playlist's taste sounds like the playlist.
"""
