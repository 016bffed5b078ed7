from resonance_video.scenes.procedural.worlds.city import City


class Road(City):
    """Later."""
