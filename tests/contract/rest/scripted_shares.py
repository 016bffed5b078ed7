"""ShareService over the takes of the script, and OwnerService over an empty store."""

from __future__ import annotations

import time

from tests.contract.rest.script import Script
from tests.contract.rest.scripted_music import to_wav

from resonance.erasure import Erasure
from resonance.errors import NotFound
from resonance.identity import acting_as
from resonance.settings import Settings
from resonance.store import MemoryStore
from resonance.store.owned import OwnedStore
from resonance.v1 import shares_pb2, shares_pb2_grpc
from resonance_ingest.owners import Owners


class ScriptedShareLinks(shares_pb2_grpc.ShareServiceServicer):
    """ShareService over the scripted takes."""

    def __init__(self, script: Script) -> None:
        self._script = script

    async def CreateShareLink(self, request, context):
        if request.request_id not in self._script.takes:
            raise NotFound(f"there is no take {request.request_id}")
        share_link = shares_pb2.ShareLink(
            share_link_id="0" * 64, token=request.request_id.replace("-", ""), byte_count=4
        )
        share_link.expire_time.FromSeconds(int(time.time() + (request.expire_s or 3600)))
        return shares_pb2.CreateShareLinkResponse(share_link=share_link)

    async def ReadShareLink(self, request, context):
        if not self._script.takes:
            raise NotFound("there is no such link", reason="NO_SUCH_LINK")
        take, samples = list(self._script.takes.values())[-1]
        wav = to_wav(take, samples)
        link = shares_pb2.ShareLink(byte_count=len(wav), sha256=take.audio_sha256)
        yield shares_pb2.ReadShareLinkResponse(share_link=link)
        yield shares_pb2.ReadShareLinkResponse(data=wav)

    async def RevokeShareLink(self, request, context):
        self._script.revoked.append(request.share_link_id)
        return shares_pb2.RevokeShareLinkResponse()


class ScriptedOwners(Owners):
    """The real OwnerService, for whom every caller is one owner."""

    async def GetUsage(self, request, context):
        with acting_as("u-scripted"):
            return await super().GetUsage(request, context)

    async def DeleteOwner(self, request, context):
        with acting_as("u-scripted"):
            return await super().DeleteOwner(request, context)


def scripted_owners() -> ScriptedOwners:
    store = OwnedStore(MemoryStore())

    async def cancel(owner: str, work_ids: list[str]) -> bool:
        return True

    return ScriptedOwners(store, Settings(), Erasure(store, cancel))
