"""What is deployed renders, validates, and names only what exists."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from resonance.settings import read_settings

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILES = {
    "resonance-gateway": ROOT / "gateway/Dockerfile",
    **{f"resonance-{name}": ROOT / f"services/{name}/Dockerfile" for name in ("ingest", "extract", "generate")},
}
needs_kubectl = pytest.mark.skipif(
    shutil.which("kubectl") is None and "CI" not in os.environ, reason="kubectl is not installed; CI always runs this"
)


@pytest.fixture(scope="module")
def rendered() -> str:
    """The local overlay as one stream of manifests."""
    command = ["kubectl", "kustomize", str(ROOT / "deploy/k8s/overlays/local")]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def manifests(rendered: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(rendered))


@needs_kubectl
def test_manifests_are_valid_against_the_schemas(rendered: str, tmp_path: Path) -> None:
    path = tmp_path / "all.yaml"
    path.write_text(rendered)
    validate = Path(sys.executable).with_name("kubernetes-validate")
    done = subprocess.run([validate, "--strict", str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@needs_kubectl
def test_every_setting_in_the_cluster_is_one_that_we_read(manifests: list[dict[str, Any]]) -> None:
    chosen = next(each["data"] for each in manifests if each["kind"] == "ConfigMap")
    settings = read_settings(chosen)
    assert settings.address_of("extract") == "dns:///extract:50051"
    assert settings.store_url == "s3+http://store:8333/resonance"


@needs_kubectl
def test_our_pods_are_locked_down_and_have_images_that_we_build(manifests: list[dict[str, Any]]) -> None:
    deployments = [each for each in manifests if each["kind"] == "Deployment"]
    assert {each["metadata"]["name"] for each in deployments} == {"ingest", "extract", "generate", "gateway"}
    for deployment in deployments:
        pod = deployment["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        assert container["image"].split(":")[0] in DOCKERFILES
        assert pod["securityContext"]["runAsNonRoot"]
        assert container["securityContext"]["readOnlyRootFilesystem"]
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert pod["terminationGracePeriodSeconds"] > read_settings({}).drain_s_max


@needs_kubectl
def test_only_ingest_may_reach_the_internet(manifests: list[dict[str, Any]]) -> None:
    open_policies = [
        each["spec"]["podSelector"]
        for each in manifests
        if each["kind"] == "NetworkPolicy" and "0.0.0.0/0" in yaml.safe_dump(each)
    ]
    assert open_policies == [{"matchLabels": {"app": "ingest"}}]


@pytest.mark.parametrize("image", DOCKERFILES)
def test_dockerfiles_are_lint_clean_and_install_their_own_extra(image: str) -> None:
    path = DOCKERFILES[image]
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([hadolint, str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert re.findall(r"'\.\[(\w+)\]'", path.read_text()) == [image.removeprefix("resonance-")]
    assert "USER 65532" in path.read_text()
