"""OwnerService: what the caller used, the caller's quotas, and the end of all that is the caller's."""

from __future__ import annotations

import time

from resonance.completion import run_to_completion
from resonance.erasure import Erased, Erasure
from resonance.errors import FailedPrecondition, NotFound
from resonance.google.api_key import read_key
from resonance.google.spending import open_spending
from resonance.identity import acting_as, current_owner
from resonance.rpc import ServerContext
from resonance.settings import Settings
from resonance.store import ObjectStore
from resonance.store.keys import below_owner
from resonance.usage import DAY_S, read_usage
from resonance.v1 import owners_pb2, owners_pb2_grpc


class Owners(owners_pb2_grpc.OwnerServiceServicer):
    """The servicer. It reads what all replicas have told the store."""

    def __init__(self, store: ObjectStore, settings: Settings, erasure: Erasure) -> None:
        self._store = store
        self._settings = settings
        self._erasure = erasure

    async def GetUsage(  # noqa: N802
        self, request: owners_pb2.GetUsageRequest, context: ServerContext
    ) -> owners_pb2.GetUsageResponse:
        owner, settings = current_owner(), self._settings
        if not owner:
            return owners_pb2.GetUsageResponse(usage=await self._with_google(owners_pb2.Usage()))
        used, now_s = await read_usage(self._store, owner), time.time()
        stored = await self._store.total_bytes(below_owner(owner))
        usage = owners_pb2.Usage(
            owner_id=owner,
            calls=_quota(used.calls, settings.quota_calls_minute, (now_s // 60 + 1) * 60),
            music_s=_quota(used.music_s, settings.quota_music_s_day, (now_s // DAY_S + 1) * DAY_S),
            storage_bytes=_quota(stored, settings.quota_storage_bytes, 0.0),
        )
        return owners_pb2.GetUsageResponse(usage=await self._with_google(usage))

    async def _with_google(self, usage: owners_pb2.Usage) -> owners_pb2.Usage:
        """The usage with the sums at Google, where there is a key or something was spent."""
        spending = open_spending(self._settings, self._store)
        spent = await spending.spent(owner=usage.owner_id)
        if read_key(self._settings) or spent.day_usd:
            ceilings, end_s = spending.ceilings, spending.day_end().timestamp()
            for quota, used, limit in (
                (usage.google_usd, spent.owner_day_usd, ceilings.owner_day_usd),
                (usage.google_all_usd, spent.day_usd, ceilings.day_usd),
            ):
                quota.used, quota.limit = used, limit
                quota.reset_time.FromSeconds(int(end_s))
        return usage

    async def DeleteOwner(  # noqa: N802
        self, request: owners_pb2.DeleteOwnerRequest, context: ServerContext
    ) -> owners_pb2.DeleteOwnerResponse:
        owner = current_owner()
        if not owner:
            message = (
                "where no keys are asked for, everything is the installation's own; its operator deletes the store"
            )
            raise FailedPrecondition(message, reason="NO_OWNER")
        if request.owner_id != owner:
            raise NotFound(f"there is no owner {request.owner_id}", reason="NO_SUCH_OWNER")
        erased = await run_to_completion(self._erase(owner))
        return owners_pb2.DeleteOwnerResponse(
            deleted_object_count=erased.object_count,
            cancelled_work_count=erased.work_count,
            is_complete=erased.is_complete,
        )

    async def _erase(self, owner: str) -> Erased:
        with acting_as(""):
            return await self._erasure.erase(owner)


def _quota(used: float, limit: float, reset_s: float) -> owners_pb2.Quota:
    quota = owners_pb2.Quota(used=used, limit=limit or None)
    if reset_s:
        quota.reset_time.FromSeconds(int(reset_s))
    return quota
