"""Lexicon of the concept: words for places, hours, weathers, acts, moods and people."""

from __future__ import annotations

from resonance_video.models import Hour, Instrument, Place, Pose, Weather

PLACES: dict[str, Place] = {
    "city": Place.CITY, "street": Place.CITY, "streets": Place.CITY, "downtown": Place.CITY, "town": Place.CITY,
    "alley": Place.CITY, "neon": Place.CITY, "skyscrapers": Place.CITY, "metropolis": Place.CITY, "urban": Place.CITY,
    "intersection": Place.CITY, "club": Place.CITY, "tokyo": Place.CITY, "futuristic": Place.CITY, "cyberpunk": Place.CITY,
    "rooftop": Place.ROOFTOP, "roof": Place.ROOFTOP, "rooftops": Place.ROOFTOP, "balcony": Place.ROOFTOP, "terrace": Place.ROOFTOP,
    "forest": Place.FOREST, "woods": Place.FOREST, "trees": Place.FOREST, "wood": Place.FOREST, "jungle": Place.FOREST,
    "park": Place.FOREST, "garden": Place.FOREST, "meadow": Place.FOREST, "clearing": Place.FOREST,
    "shore": Place.SHORE, "beach": Place.SHORE, "sea": Place.SHORE, "ocean": Place.SHORE, "coast": Place.SHORE,
    "lake": Place.SHORE, "waves": Place.SHORE, "harbour": Place.SHORE, "harbor": Place.SHORE, "island": Place.SHORE,
    "road": Place.ROAD, "highway": Place.ROAD, "mountains": Place.ROAD, "mountain": Place.ROAD, "desert": Place.ROAD,
    "valley": Place.ROAD, "hills": Place.ROAD, "country": Place.ROAD, "plains": Place.ROAD, "trail": Place.ROAD,
    "room": Place.ROOM, "window": Place.ROOM, "home": Place.ROOM, "house": Place.ROOM, "bedroom": Place.ROOM,
    "apartment": Place.ROOM, "studio": Place.ROOM, "cafe": Place.ROOM, "inside": Place.ROOM, "indoors": Place.ROOM,
    "sky": Place.SKY, "clouds": Place.SKY, "heaven": Place.SKY, "stars": Place.SKY, "space": Place.SKY,
    "dream": Place.SKY, "flying": Place.SKY, "floating": Place.SKY, "cloud": Place.SKY, "moon": Place.SKY,
}  # fmt: skip
HOURS: dict[str, Hour] = {
    "night": Hour.NIGHT, "midnight": Hour.NIGHT, "nighttime": Hour.NIGHT, "late": Hour.NIGHT, "moonlight": Hour.NIGHT,
    "starry": Hour.NIGHT, "dawn": Hour.DAWN, "sunrise": Hour.DAWN, "morning": Hour.DAWN, "daybreak": Hour.DAWN,
    "day": Hour.DAY, "noon": Hour.DAY, "afternoon": Hour.DAY, "sunny": Hour.DAY, "daylight": Hour.DAY, "midday": Hour.DAY,
    "summer": Hour.DAY, "bright": Hour.DAY, "sunset": Hour.SUNSET, "sundown": Hour.SUNSET, "dusk": Hour.DUSK,
    "twilight": Hour.DUSK, "evening": Hour.DUSK,
}  # fmt: skip
WEATHERS: dict[str, Weather] = {
    "rain": Weather.RAIN, "rainy": Weather.RAIN, "raining": Weather.RAIN, "storm": Weather.RAIN, "stormy": Weather.RAIN,
    "wet": Weather.RAIN, "snow": Weather.SNOW, "snowy": Weather.SNOW, "snowing": Weather.SNOW, "winter": Weather.SNOW,
    "snowfall": Weather.SNOW, "mist": Weather.MIST, "misty": Weather.MIST, "fog": Weather.MIST, "foggy": Weather.MIST,
    "haze": Weather.MIST, "clear": Weather.CLEAR, "cloudless": Weather.CLEAR,
}  # fmt: skip
POSES: dict[str, Pose] = {
    "walk": Pose.WALK, "walks": Pose.WALK, "walking": Pose.WALK, "wanders": Pose.WALK, "wandering": Pose.WALK,
    "runs": Pose.WALK, "running": Pose.WALK, "strolls": Pose.WALK, "travels": Pose.WALK, "leaves": Pose.WALK,
    "stands": Pose.STAND, "standing": Pose.STAND, "waits": Pose.STAND, "waiting": Pose.STAND,
    "sits": Pose.SIT, "sitting": Pose.SIT, "sit": Pose.SIT, "rests": Pose.SIT, "resting": Pose.SIT,
    "looks": Pose.LOOK_UP, "looking": Pose.LOOK_UP, "watches": Pose.LOOK_UP, "watching": Pose.LOOK_UP,
    "stargazing": Pose.LOOK_UP, "gazes": Pose.LOOK_UP, "hopes": Pose.LOOK_UP,
    "arms": Pose.OPEN_ARMS, "embraces": Pose.OPEN_ARMS, "free": Pose.OPEN_ARMS, "freedom": Pose.OPEN_ARMS,
    "celebrates": Pose.OPEN_ARMS, "triumph": Pose.OPEN_ARMS,
    "plays": Pose.PLAY, "playing": Pose.PLAY, "musician": Pose.PLAY, "pianist": Pose.PLAY, "guitarist": Pose.PLAY,
    "violinist": Pose.PLAY, "busker": Pose.PLAY, "band": Pose.PLAY,
    "dance": Pose.DANCE, "dances": Pose.DANCE, "dancing": Pose.DANCE, "dancer": Pose.DANCE, "party": Pose.DANCE,
    "spins": Pose.DANCE,
}  # fmt: skip
INSTRUMENTS: dict[str, Instrument] = {
    "guitar": Instrument.GUITAR, "guitarist": Instrument.GUITAR, "piano": Instrument.PIANO, "pianist": Instrument.PIANO,
    "keys": Instrument.PIANO, "keyboard": Instrument.PIANO, "violin": Instrument.VIOLIN, "violinist": Instrument.VIOLIN,
    "fiddle": Instrument.VIOLIN, "cello": Instrument.VIOLIN, "strings": Instrument.VIOLIN,
}  # fmt: skip
# A mood's word and the palette that shows it.
MOODS: dict[str, str] = {
    "sad": "melancholy", "lonely": "melancholy", "alone": "melancholy", "grief": "melancholy", "melancholy": "melancholy",
    "melancholic": "melancholy", "losing": "melancholy", "lost": "melancholy", "loss": "melancholy", "tears": "melancholy",
    "longing": "melancholy", "missing": "melancholy", "blue": "melancholy", "nostalgic": "warm", "nostalgia": "warm",
    "hope": "hopeful", "hopeful": "hopeful", "acceptance": "hopeful", "healing": "hopeful", "new": "hopeful",
    "joy": "joyful", "happy": "joyful", "joyful": "joyful", "cheerful": "joyful", "fun": "joyful", "celebration": "joyful",
    "calm": "serene", "peaceful": "serene", "peace": "serene", "quiet": "serene", "serene": "serene", "gentle": "serene",
    "study": "serene", "studying": "serene", "soft": "serene", "ambient": "serene", "cozy": "warm", "cosy": "warm",
    "dreamy": "dreamy", "dream": "dreamy", "magical": "dreamy", "surreal": "dreamy", "ethereal": "dreamy",
    "angry": "fierce", "fierce": "fierce", "intense": "fierce", "epic": "fierce", "power": "fierce", "powerful": "fierce",
    "fire": "fierce", "tense": "fierce", "tension": "fierce", "danger": "fierce", "dark": "melancholy",
    "electric": "neon", "neon": "neon", "techno": "neon", "cyberpunk": "neon", "futuristic": "neon", "disco": "neon",
    "electronic": "neon", "energetic": "neon", "warm": "warm", "love": "warm", "romantic": "warm", "romance": "warm",
    "jazz": "warm", "soul": "warm", "folk": "warm", "autumn": "warm", "summer": "joyful",
}  # fmt: skip
# Builds: height against a grown-up, and the length of hair.
PEOPLE: dict[str, tuple[str, str]] = {
    "woman": ("woman", "long"), "girl": ("girl", "long"), "she": ("woman", "long"), "her": ("woman", "long"),
    "man": ("man", "short"), "boy": ("boy", "short"), "he": ("man", "short"), "his": ("man", "short"),
    "person": ("person", "chin"), "someone": ("person", "chin"), "traveller": ("person", "chin"),
    "traveler": ("person", "chin"), "wanderer": ("person", "chin"), "musician": ("person", "chin"),
    "dancer": ("woman", "bun"), "child": ("child", "short"), "kid": ("child", "short"), "pianist": ("person", "chin"),
    "guitarist": ("person", "chin"), "violinist": ("woman", "long"), "singer": ("woman", "long"),
    "figure": ("person", "chin"), "stranger": ("person", "chin"), "friend": ("person", "chin"), "lady": ("woman", "bun"),
    "grandmother": ("old woman", "bun"), "grandfather": ("old man", "short"), "student": ("person", "chin"),
}  # fmt: skip
GARMENTS: dict[str, str] = {
    "coat": "coat", "jacket": "coat", "raincoat": "coat", "parka": "coat", "hoodie": "coat", "dress": "coat", "shirt": "coat",
    "sweater": "coat", "cloak": "coat", "suit": "coat", "scarf": "scarf", "hair": "hair", "haired": "hair", "hat": "hat",
    "cap": "hat", "beanie": "hat", "trousers": "legs", "jeans": "legs", "pants": "legs", "skirt": "coat",
}  # fmt: skip
COAT_LENGTHS = {"jacket": "short", "hoodie": "short", "shirt": "short", "sweater": "short", "suit": "short", "parka": "knee",
                "raincoat": "knee", "coat": "long", "cloak": "long", "dress": "knee", "skirt": "knee"}  # fmt: skip
NOBODY = (
    "nobody",
    "no people",
    "no one",
    "no person",
    "without people",
    "empty of people",
    "no character",
    "no humans",
)
NEGATIONS = frozenset({"not", "no", "without", "never", "isn't", "nor"})
STOP_WORDS = frozenset({
    "a", "an", "the", "and", "or", "but", "of", "to", "in", "on", "at", "by", "for", "with", "from", "into", "over",
    "under", "through", "until", "till", "then", "while", "as", "is", "are", "was", "be", "been", "being", "it", "its",
    "this", "that", "these", "those", "there", "their", "them", "they", "we", "our", "you", "your", "i", "my", "me",
    "his", "her", "she", "he", "who", "which", "what", "when", "where", "after", "before", "during", "again", "also",
    "very", "more", "most", "some", "any", "all", "one", "two", "just", "like", "up", "down", "out", "off", "about",
    "across", "along", "between", "toward", "towards", "becomes", "become", "turns", "turn", "goes", "go", "comes",
    "come", "gets", "get", "has", "have", "had", "video", "music", "song", "clip", "scene", "shows", "show", "showing",
    "make", "made", "slowly", "gradually", "finally", "chorus", "verse", "intro", "ending", "end", "ends", "begins",
    "begin", "start", "starts", "long", "short", "young", "old", "day's", "wearing", "wears", "dressed", "carries",
    "carrying", "holding", "wet", "changes", "changing", "same", "reaches", "reach", "last",
})  # fmt: skip
