"""Helm chart: its objects are those of the kustomize overlays and components. `make check` holds its templates fresh."""

from __future__ import annotations

import base64
import copy
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from contract.test_deploy import needs_kubectl, render
from scripts import helm_chart

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "deploy/helm/resonance"
SECRET = "5" * 64
SECRETS = {"s3AccessKey": "resonance", "s3SecretKey": SECRET, "serviceKey": SECRET, "enginePassword": SECRET}
needs_helm = pytest.mark.skipif(
    shutil.which("helm") is None and "CI" not in os.environ, reason="helm is not installed; CI always runs this"
)
pytestmark = [needs_kubectl, needs_helm]


def helm_objects(*arguments: str) -> list[dict[str, Any]]:
    """The objects that the chart gives in the namespace `resonance`."""
    secrets = ",".join(f"secrets.{name}={text}" for name, text in SECRETS.items())
    done = subprocess.run(
        ["helm", "template", "resonance", str(CHART), "--namespace", "resonance", "--set-string", secrets, *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [each for each in yaml.safe_load_all(done.stdout) if each]


def comparable(objects: list[dict[str, Any]]) -> dict[tuple[str, str], Any]:
    """Objects by kind and name; lists whose order means nothing are sorted, and helm's date of the settings is left out."""
    found = copy.deepcopy(helm_chart.plain([each for each in objects if each["kind"] != "Namespace"]))
    for each in found.values():
        if each["kind"] == "Secret":
            each["data"] = {name: base64.b64decode(text) for name, text in each["data"].items()}
        template = each["spec"].get("template", {}) if "spec" in each else {}
        template.get("metadata", {}).pop("annotations", None)
        for container in template.get("spec", {}).get("containers", []):
            for name in ("env", "envFrom", "volumeMounts", "ports"):
                container.get(name, []).sort(key=str)
        template.get("spec", {}).get("volumes", []).sort(key=str)
    return found


@pytest.mark.parametrize("overlay", ["laptop", "cpu-small", "gpu"])
def test_the_chart_gives_the_objects_of_the_overlay(overlay: str) -> None:
    wanted = comparable(render(overlay))
    found = comparable(helm_objects("--values", str(ROOT / f"deploy/helm/values/{overlay}.yaml")))
    assert found.keys() == wanted.keys()
    for key in wanted:
        assert found[key] == wanted[key], key


def test_the_components_of_no_overlay_give_the_objects_of_kustomize_s() -> None:
    others = ["egress-gemini", "oidc", "tls", "tls-certificates"]
    in_overlays = [yaml.safe_load(path.read_text())["components"] for path in (ROOT / "deploy/helm/values").iterdir()]
    assert {*others, *(name for each in in_overlays for name in each)} == set(helm_chart.components())
    wanted = comparable(list(helm_chart.render(*others).values()))
    chosen = [f"components.{name}=true" for name in others]
    chosen += [
        "settings.RESONANCE_STORE=s3://s3.example.com/music",
        "settings.RESONANCE_ENGINE=temporal://engine:7233/m",
    ]
    found = comparable(helm_objects("--set", ",".join(chosen)))
    settings = found["ConfigMap", "resonance"]["data"]
    assert settings.pop("RESONANCE_STORE") == "s3://s3.example.com/music"
    assert settings.pop("RESONANCE_ENGINE") == "temporal://engine:7233/m"
    found = {key: each for key, each in found.items() if key[0] != "Secret"}
    assert found.keys() == wanted.keys()
    for key in wanted:
        assert found[key] == wanted[key], key


def test_values_choose_images_sizes_and_hosts() -> None:
    chosen = ["image.registry=example.com/music", "image.tag=2", "replicas.generate=3", "storage.store.size=1Ti"]
    chosen += ["storage.store.className=fast", "ingress.host=a.example", "components.ingress=true"]
    found = comparable(
        helm_objects("--values", str(ROOT / "deploy/helm/values/laptop.yaml"), "--set", ",".join(chosen))
    )
    generate = found["Deployment", "generate"]["spec"]
    assert generate["replicas"] == 3
    assert generate["template"]["spec"]["containers"][0]["image"] == "example.com/music/resonance-generate:2"
    (claim,) = found["StatefulSet", "store"]["spec"]["volumeClaimTemplates"]
    assert claim["spec"]["storageClassName"] == "fast"
    assert claim["spec"]["resources"] == {"requests": {"storage": "1Ti"}}
    assert found["HTTPRoute", "resonance"]["spec"]["hostnames"] == ["a.example"]


@pytest.mark.parametrize(
    ("missing", "told"),
    [
        ("settings.RESONANCE_STORE=null", "settings.RESONANCE_STORE is needed"),
        ("components.temporal=false", "settings.RESONANCE_ENGINE is needed"),
        ("secrets.serviceKey=", "secrets.serviceKey"),
    ],
)
def test_what_is_needed_is_asked_for(missing: str, told: str) -> None:
    option = "--set-string" if missing.startswith("secrets") else "--set"
    values = ["--values", str(ROOT / "deploy/helm/values/laptop.yaml"), option, missing]
    secrets = [part for name, text in SECRETS.items() for part in ("--set-string", f"secrets.{name}={text}")]
    done = subprocess.run(
        ["helm", "template", "resonance", str(CHART), *secrets, *values], capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert told in done.stderr


def test_helm_finds_no_fault() -> None:
    done = subprocess.run(
        ["helm", "lint", "--strict", str(CHART), "--values", str(ROOT / "deploy/helm/values/laptop.yaml")]
        + [part for name, text in SECRETS.items() for part in ("--set-string", f"secrets.{name}={text}")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
