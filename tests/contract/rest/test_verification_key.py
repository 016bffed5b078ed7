"""Verifications where keys are asked for: the gateway reads the marks itself, and asks a service about the key first."""

from __future__ import annotations

import httpx

from resonance.api_keys import ApiKeys
from resonance.rpc import Authenticator, RpcServer
from resonance.settings import Settings
from resonance.store import MemoryStore
from resonance_gateway.build import open_gateway
from resonance_generate.build import open_generate
from resonance_model.loaded_model import LoadedModel


async def test_a_made_up_key_reads_no_marks(tiny: LoadedModel) -> None:
    store, settings = MemoryStore(), Settings(slots=1, auth="on", grpc_addr="127.0.0.1:0", http_addr="127.0.0.1:0")
    key, _ = await ApiKeys(store).issue("Ada")
    async with open_generate(settings, store, tiny) as parts:
        server = RpcServer("127.0.0.1:0", Authenticator(store, settings))
        parts.add_to(server)
        await server.start()
        try:
            asked = settings.model_copy(update={"grpc_addr": server.address})
            async with open_gateway(asked) as url, httpx.AsyncClient(base_url=url) as http:
                found = {}
                for name, sent in (("made up", f"rk-{'a' * 52}"), ("real", key)):
                    headers = {"Authorization": f"Bearer {sent}", "Content-Type": "application/octet-stream"}
                    answer = await http.post("/v1/verifications", content=b"no sound at all", headers=headers)
                    found[name] = (answer.status_code, answer.json()["reason"])
        finally:
            await server.stop(0.5)
    assert found == {"made up": (401, "KEY_NOT_VALID"), "real": (422, "NOT_AUDIO")}
