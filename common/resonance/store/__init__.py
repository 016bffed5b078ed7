"""Object storage behind one protocol: files, S3, memory.

Files are for a laptop, S3 is for a cluster, memory is for tests.
"""

from resonance.store.memory import MemoryStore
from resonance.store.open import open_store
from resonance.store.protocol import ObjectStore, StoredObject

__all__ = ["MemoryStore", "ObjectStore", "StoredObject", "open_store"]
