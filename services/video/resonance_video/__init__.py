"""Music videos: a song becomes a map, words a treatment, both a shot plan, its shots scenes, and the scenes one film."""
