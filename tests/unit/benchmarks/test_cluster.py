"""Cluster test's own parts: pods from objects, the samples of a take, the words of a row."""

from __future__ import annotations

import base64
import io
import wave
from typing import Any

from benchmarks.cluster.listener import Heard, samples_digest
from benchmarks.cluster.objects import quantity, workloads_of
from benchmarks.cluster.rows import Row, told


def _objects() -> list[dict[str, Any]]:
    container = {
        "name": "generate",
        "image": "resonance-generate:0.1.0",
        "envFrom": [{"configMapRef": {"name": "resonance-1"}}, {"secretRef": {"name": "keys-1"}}],
        "env": [
            {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
            {"name": "RESONANCE_ROOM_ADDR", "value": "$(POD_IP):50051"},
            {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "keys-1", "key": "KEY"}}},
        ],
        "lifecycle": {"preStop": {"sleep": {"seconds": 5}}},
    }
    pod = {"containers": [container], "terminationGracePeriodSeconds": 60}
    return [
        {"kind": "ConfigMap", "metadata": {"name": "resonance-1"}, "data": {"RESONANCE_SLOTS": "4"}},
        {"kind": "Secret", "metadata": {"name": "keys-1"}, "data": {"KEY": base64.b64encode(b"secret").decode()}},
        {"kind": "Service", "metadata": {"name": "generate"}},
        {"kind": "Deployment", "metadata": {"name": "generate"}, "spec": {"template": {"spec": pod}}},
    ]


def test_a_pod_gets_what_its_object_says() -> None:
    (generate,) = workloads_of(_objects()).values()
    assert (generate.replicas, generate.grace_s, generate.pre_stop_s) == (1, 60.0, 5.0)
    assert generate.environment_at("10.0.0.7") == {
        "RESONANCE_SLOTS": "4",
        "KEY": "secret",
        "PASSWORD": "secret",
        "POD_IP": "10.0.0.7",
        "RESONANCE_ROOM_ADDR": "10.0.0.7:50051",
    }
    generate.changed = {"RESONANCE_SLOTS": "1"}
    assert generate.environment_at("10.0.0.7")["RESONANCE_SLOTS"] == "1"
    assert quantity("2Gi") == 2 << 30


def test_the_samples_of_a_file_are_told_from_what_stands_around_them() -> None:
    def file(samples: bytes) -> bytes:
        output = io.BytesIO()
        with wave.open(output, "wb") as sound:
            sound.setparams((1, 2, 32_000, 0, "NONE", ""))
            sound.writeframes(samples)
        return output.getvalue()

    one = file(b"\1\0\2\0")
    assert samples_digest(one + b"C2PA and more") == samples_digest(one) != samples_digest(file(b"\1\0\3\0"))
    assert samples_digest(b"{}") == ""


def test_a_row_tells_what_was_cut_and_why() -> None:
    heard = [Heard(status=200, is_whole=True), Heard(status=0, reason="ReadError"), Heard(status=0, reason="ReadError")]
    assert told(heard) == "2 of 3 (0 ReadError)"
    assert str(Row(what="a", wanted="b", measured="c", is_met=False)) == "| a | b | c | **no** |"
    assert str(Row(what="a", wanted="b", measured="c")) == "| a | b | c | - |"
