"""Parts of the all-in-one process: services, model loader, gateway.

`all_in_one` imports this module once its addresses and its store are open, because torch takes seconds to import.
"""

from resonance_extract.build import open_extract
from resonance_gateway.build import open_gateway
from resonance_generate.build import open_generate
from resonance_ingest.build import open_ingest
from resonance_model.loaders import load_model
from resonance_speech.build import open_speech
from resonance_video.build import open_video

__all__ = [
    "load_model",
    "open_extract",
    "open_gateway",
    "open_generate",
    "open_ingest",
    "open_speech",
    "open_video",
]
