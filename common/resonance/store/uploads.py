"""Whole uploads, read by services other than ingest, which writes them."""

from __future__ import annotations

import json

from resonance.errors import DataLoss, FailedPrecondition, NotFound
from resonance.store.keys import upload_part_key, upload_session_key
from resonance.store.protocol import ObjectStore


async def read_upload(store: ObjectStore, upload_id: str) -> tuple[str, bytes]:
    """The filename and the bytes of a complete upload. The upload stays as it is.

    Raises:
        NotFound: there is no such upload, or its parts were removed (NO_SUCH_UPLOAD).
        FailedPrecondition: it is not whole (UPLOAD_NOT_WHOLE).
        DataLoss: its document cannot be read.
    """
    try:
        document = json.loads((await store.get(upload_session_key(upload_id))).data)
        filename, sha256 = str(document["filename"]), str(document["sha256"])
        parts = [str(part["name"]) for part in document["parts"]]
        if not sha256:
            raise FailedPrecondition(f"{filename} is not whole yet: upload the rest first", reason="UPLOAD_NOT_WHOLE")
        return filename, b"".join([(await store.get(upload_part_key(upload_id, name))).data for name in parts])
    except NotFound:
        raise NotFound(f"there is no upload {upload_id}", reason="NO_SUCH_UPLOAD") from None
    except (ValueError, KeyError, TypeError) as failure:
        raise DataLoss("the upload's document cannot be read by this version", reason="UPLOAD_UNREADABLE") from failure
