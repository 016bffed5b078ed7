"""Sign-in tokens of a real issuer on loopback: over gRPC and REST, and everything that is refused."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from support.issuer import AUDIENCE, Issuer, running_issuer

from resonance.api_keys import ApiKeys
from resonance.errors import InvalidInput, Unauthenticated, Unavailable
from resonance.identity import current_owner
from resonance.rpc import Authenticator, RpcServer, issuer_keys, open_channel
from resonance.rpc.calls import unary_call
from resonance.rpc.oidc import TokenVerifier, owner_of
from resonance.settings import Settings, read_settings
from resonance.store import MemoryStore
from resonance.v1 import generate_pb2, generate_pb2_grpc
from resonance_gateway.build import open_gateway


class WhoAmI(generate_pb2_grpc.GenerateServiceServicer):
    """Sends the owner as a model's name."""

    async def GetModel(self, request: Any, context: Any) -> Any:
        return generate_pb2.GetModelResponse(model=generate_pb2.ModelInfo(model_id=current_owner()))


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with running_issuer() as running:
        yield running


def settings_for(issuer: Issuer, **changes: Any) -> Settings:
    return Settings(oidc_issuer=issuer.url, oidc_audience=AUDIENCE, service_key="s" * 32, **changes)


@dataclass(frozen=True)
class System:
    """One service and a gateway before it, which take tokens of the issuer."""

    grpc: str
    http: httpx.AsyncClient
    store: MemoryStore

    async def owner_by_grpc(self, token: str) -> str:
        async with open_channel(self.grpc, api_key=token) as channel:
            stub = generate_pb2_grpc.GenerateServiceStub(channel)
            return (await unary_call(stub.GetModel(generate_pb2.GetModelRequest(), timeout=20))).model.model_id

    async def ask_by_rest(self, token: str) -> httpx.Response:
        return await self.http.get("/v1/models", headers={"Authorization": f"Bearer {token}"})


@pytest.fixture
async def system(issuer: Issuer) -> AsyncIterator[System]:
    store, settings = MemoryStore(), settings_for(issuer)
    server = RpcServer("127.0.0.1:0", Authenticator(store, settings))
    server.add(
        "resonance.v1.GenerateService",
        lambda inner: generate_pb2_grpc.add_GenerateServiceServicer_to_server(WhoAmI(), inner),
    )
    await server.start()
    gateway = settings.model_copy(update={"http_addr": "127.0.0.1:0", "grpc_addr": server.address})
    async with open_gateway(gateway) as url, httpx.AsyncClient(base_url=url, timeout=20) as http:
        yield System(server.address, http, store)
    await server.stop(0)


@pytest.mark.parametrize("key_id", ["rsa-1", "ec-1"])
async def test_a_token_is_one_owner_by_grpc_and_by_rest_beside_api_keys(
    issuer: Issuer, system: System, key_id: str
) -> None:
    token, owner = issuer.token(key_id), owner_of(issuer.url, "ada")
    assert await system.owner_by_grpc(token) == owner
    answer = await system.ask_by_rest(token)
    assert answer.status_code == 200, answer.text
    assert owner in answer.text
    assert "ada" not in owner
    assert owner_of(issuer.url, "bob") != owner != owner_of("https://other.example", "ada")
    text, key = await ApiKeys(system.store).issue("Bob")
    assert await system.owner_by_grpc(text) == key.owner


async def test_a_long_token_passes_and_none_is_asked_for(issuer: Issuer, system: System) -> None:
    token = issuer.token(groups=["g" * 40] * 60)
    assert len(token) > 3000
    assert (await system.ask_by_rest(token)).status_code == 200
    answer = await system.http.get("/v1/models")
    assert (answer.status_code, answer.json()["reason"]) == (401, "KEY_REQUIRED")


async def test_a_browser_keeps_a_token_as_it_keeps_a_key(issuer: Issuer, system: System) -> None:
    assert (await system.http.post("/v1/session", json={"key": issuer.token()})).status_code == 204
    assert owner_of(issuer.url, "ada") in (await system.http.get("/v1/models")).text


def _of_another_key(issuer: Issuer) -> str:
    other = Issuer()
    other.server.server_close()
    return other.token(iss=issuer.url)


REFUSED: dict[str, tuple[Callable[[Issuer], str], str]] = {
    "expired": (lambda issuer: issuer.token(exp=int(time.time()) - 60), "TOKEN_EXPIRED"),
    "not yet valid": (lambda issuer: issuer.token(nbf=int(time.time()) + 600), "TOKEN_NOT_VALID"),
    "without an end": (lambda issuer: issuer.token(exp=None), "TOKEN_NOT_VALID"),
    "another audience": (lambda issuer: issuer.token(aud="mail"), "TOKEN_NOT_VALID"),
    "without an audience": (lambda issuer: issuer.token(aud=None), "TOKEN_NOT_VALID"),
    "another issuer": (lambda issuer: issuer.token(iss="https://elsewhere.example"), "TOKEN_NOT_VALID"),
    "unknown key": (lambda issuer: issuer.token(headers={"kid": "rsa-9"}), "TOKEN_NOT_VALID"),
    "another's signature": (_of_another_key, "TOKEN_NOT_VALID"),
    "alg none": (Issuer.unsigned, "TOKEN_NOT_VALID"),
    "HS256 with the public key": (Issuer.signed_with_the_public_key, "TOKEN_NOT_VALID"),
    "EC key named for an RSA signature": (lambda issuer: issuer.token(headers={"kid": "ec-1"}), "TOKEN_NOT_VALID"),
    "unknown critical header": (lambda issuer: issuer.token(headers={"crit": ["x"], "x": 1}), "TOKEN_NOT_VALID"),
    "no subject": (lambda issuer: issuer.token(sub=None), "TOKEN_NOT_VALID"),
    "changed by hand": (lambda issuer: issuer.token()[:-4] + "AAAA", "TOKEN_NOT_VALID"),
    "no token at all": (lambda issuer: "ey.ey.ey", "TOKEN_NOT_VALID"),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_a_wrong_token_is_refused_alike_by_grpc_and_by_rest(issuer: Issuer, system: System, case: str) -> None:
    make, reason = REFUSED[case]
    token = make(issuer)
    with pytest.raises(Unauthenticated) as caught:
        await system.owner_by_grpc(token)
    assert caught.value.reason == reason
    answer = await system.ask_by_rest(token)
    assert (answer.status_code, answer.json()["reason"]) == (401, reason)
    assert token not in answer.text


async def test_the_leeway_bears_clocks_that_differ(issuer: Issuer) -> None:
    late = issuer.token(exp=int(time.time()) - 10)
    assert await TokenVerifier(settings_for(issuer)).verify(late)
    with pytest.raises(Unauthenticated):
        await TokenVerifier(settings_for(issuer, oidc_leeway_s=5)).verify(late)


async def test_another_claim_may_name_the_owner(issuer: Issuer) -> None:
    verifier = TokenVerifier(settings_for(issuer, oidc_owner_claim="oid"))
    assert (await verifier.verify(issuer.token(oid="7"))).owner == owner_of(issuer.url, "7")


async def test_scopes_come_from_the_claim_that_the_settings_name(issuer: Issuer) -> None:
    usual = TokenVerifier(settings_for(issuer))
    assert (await usual.verify(issuer.token(scope="resonance:operate"))).scopes == {"listen", "make"}
    scoped = TokenVerifier(settings_for(issuer, oidc_scope_claim="scope"))
    for value, expected in (
        ("openid resonance:listen resonance:dance", {"listen"}),
        (["resonance:operate", 7, "make"], {"operate"}),
        (None, set()),
    ):
        assert (await scoped.verify(issuer.token(scope=value))).scopes == expected


async def test_keys_are_fetched_once_and_again_when_they_rotate_but_not_for_every_unknown_one(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    verifier = TokenVerifier(settings_for(issuer))
    for _ in range(5):
        await verifier.verify(issuer.token())
    assert issuer.fetches.count("/keys") == 1
    for number in range(20):
        with pytest.raises(Unauthenticated):
            await verifier.verify(issuer.token(headers={"kid": f"unknown-{number}"}))
    assert issuer.fetches.count("/keys") == 1, "not within ten seconds of the last fetch"
    old = issuer.token()
    issuer.rotate()
    monkeypatch.setattr(issuer_keys, "_FETCHED_AGAIN_S", 0.0)
    await verifier.verify(issuer.token("rsa-2"))
    assert issuer.fetches.count("/keys") == 2
    with pytest.raises(Unauthenticated):
        await verifier.verify(old)


async def test_known_keys_serve_while_the_issuer_is_away_and_without_any_it_is_told(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    verifier, cold = TokenVerifier(settings_for(issuer)), TokenVerifier(settings_for(issuer))
    await verifier.verify(issuer.token())
    issuer.is_away = True
    monkeypatch.setattr(issuer_keys, "_FRESH_S", 0.0)
    monkeypatch.setattr(issuer_keys, "_FETCHED_AGAIN_S", 0.0)
    await verifier.verify(issuer.token())
    with pytest.raises(Unavailable) as caught:
        await cold.verify(issuer.token())
    assert (caught.value.reason, caught.value.retry_after_s) == ("ISSUER_UNREACHABLE", 0.0)


async def test_a_discovery_document_of_another_issuer_gives_no_keys(issuer: Issuer) -> None:
    issuer.named_issuer = "https://elsewhere.example"
    with pytest.raises(Unavailable):
        await TokenVerifier(settings_for(issuer)).verify(issuer.token())
    assert "/keys" not in issuer.fetches


def test_settings_that_would_trust_too_much_are_refused() -> None:
    with pytest.raises(InvalidInput, match="https://"):
        read_settings({"RESONANCE_OIDC_ISSUER": "http://login.example.com"})
    with pytest.raises(InvalidInput, match="RESONANCE_OIDC_AUDIENCE"):
        Authenticator(MemoryStore(), Settings(oidc_issuer="https://login.example.com"))
    assert Settings(oidc_issuer="https://login.example.com").asks_for_keys
