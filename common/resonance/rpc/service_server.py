"""Server of a service's process: address, authentication and TLS from the settings."""

from __future__ import annotations

from resonance.rpc.auth import Authenticator
from resonance.rpc.quotas import Quotas
from resonance.rpc.server import STORE_ANSWERS, RpcServer
from resonance.rpc.tls import open_tls
from resonance.settings import Settings
from resonance.store.protocol import ObjectStore


def build_server(settings: Settings, store: ObjectStore) -> RpcServer:
    """The server that these settings ask for, not yet bound; its health service says whether the store answers.

    Raises:
        InvalidInput: the TLS folder is wrong.
    """
    server = RpcServer(
        settings.grpc_addr,
        Authenticator(store, settings),
        tls=open_tls(settings),
        health_address=settings.health_addr,
        quotas=Quotas(settings, store),
    )
    server.watch(STORE_ANSWERS, store.is_answering)
    return server
