"""Objects of the manifests: an overlay as kubectl renders it, and what a pod of it gets."""

from __future__ import annotations

import base64
import re
import secrets
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from .command import run

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ("ingest", "extract", "generate", "video", "speech", "gateway")
_UNITS = {"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30}


@dataclass(slots=True, kw_only=True)
class Workload:
    """A Deployment or StatefulSet: its pod and how many there shall be."""

    name: str
    replicas: int
    pod: dict[str, Any]
    environment: dict[str, str]
    image: str
    changed: dict[str, str] = field(default_factory=dict)  # settings that a part of the test chooses

    @property
    def container(self) -> dict[str, Any]:
        """The pod's only container."""
        (found,) = self.pod["containers"]
        return dict(found)

    @property
    def grace_s(self) -> float:
        return float(self.pod.get("terminationGracePeriodSeconds", 30))

    @property
    def pre_stop_s(self) -> float:
        return float(self.container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0))

    def environment_at(self, address: str) -> dict[str, str]:
        """Environment of a pod with this address; `$(NAME)` is replaced as a kubelet does."""
        found = {**self.environment, **self.changed}
        found = {name: address if text == "{status.podIP}" else text for name, text in found.items()}
        return {name: re.sub(r"\$\((\w+)\)", lambda at: found[at[1]], text) for name, text in found.items()}


async def render(overlay: str, folder: Path) -> list[dict[str, Any]]:
    """The objects of an overlay, with secrets made as docs/operations.md says."""
    shutil.copytree(ROOT / "deploy/k8s", folder / "k8s")
    made = folder / "k8s/overlays" / overlay
    (made / "secrets.env").write_text(
        f"RESONANCE_S3_ACCESS_KEY=resonance\nRESONANCE_S3_SECRET_KEY={secrets.token_hex(32)}\n"
        f"RESONANCE_SERVICE_KEY={secrets.token_hex(32)}\n"
    )
    (made / "engine.env").write_text(f"PASSWORD={secrets.token_hex(32)}\n")
    return list(yaml.safe_load_all(await run("kubectl", "kustomize", str(made))))


def workloads_of(objects: list[dict[str, Any]]) -> dict[str, Workload]:
    """The workloads by name, each with its environment from config maps and secrets."""
    data = {each["metadata"]["name"]: _decoded(each) for each in objects if each["kind"] in ("ConfigMap", "Secret")}
    found = {}
    for each in objects:
        if each["kind"] not in ("Deployment", "StatefulSet"):
            continue
        pod = each["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        name = each["metadata"]["name"]
        found[name] = Workload(
            name=name,
            replicas=each["spec"].get("replicas", 1),
            pod=pod,
            environment=_environment(container, data),
            image=container["image"],
        )
    return found


def quantity(text: str) -> int:
    """Bytes of a Kubernetes quantity such as `512Mi`."""
    return int(text[:-2]) * _UNITS[text[-2:]]


def _decoded(each: dict[str, Any]) -> dict[str, str]:
    if each["kind"] == "Secret":
        return {name: base64.b64decode(text).decode() for name, text in each["data"].items()}
    return dict(each["data"])


def _environment(container: dict[str, Any], data: dict[str, dict[str, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for source in container.get("envFrom", []):
        (reference,) = source.values()
        found |= data[reference["name"]]
    for each in container.get("env", []):
        if "value" in each:
            found[each["name"]] = each["value"]
        elif "secretKeyRef" in each["valueFrom"]:
            key = each["valueFrom"]["secretKeyRef"]
            found[each["name"]] = data[key["name"]][key["key"]]
        else:
            found[each["name"]] = f"{{{each['valueFrom']['fieldRef']['fieldPath']}}}"
    return found
