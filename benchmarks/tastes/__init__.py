"""The bench of tastes on real songs: does what a playlist's taste makes sound like the playlist, by judges taught on recordings?"""
