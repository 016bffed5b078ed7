from resonance_video.scenes.procedural.worlds.city import City


class Rooftop(City):
    """Later."""
