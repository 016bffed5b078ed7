"""Fields of several bodies: request id, page of a list."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict

from resonance_gateway.schema.limits_from_protos import rule

RequestId = Annotated[str, rule("GenerateRequest.request_id", description="Made by you; the same id is the same take.")]


class PageQuery(BaseModel):
    """The query of a paged list."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    page_size: Annotated[int, rule("ListJobsRequest.page_size", description="0 means 50.")] = 0
    page_token: Annotated[str, rule("ListJobsRequest.page_token")] = ""
