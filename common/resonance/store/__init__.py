"""Object storage behind one protocol: files on a laptop, S3 in a cluster, memory in tests."""

from resonance.store.memory import MemoryStore
from resonance.store.open import open_store
from resonance.store.protocol import ObjectStore, StoredObject

__all__ = ["MemoryStore", "ObjectStore", "StoredObject", "open_store"]
