"""Multipart bodies: the same parts for every division into chunks."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resonance.errors import InvalidInput
from resonance_gateway.http.bodies import MalformedError
from resonance_gateway.http.multipart import FileOpening, FilePiece, MultipartUpload
from resonance_gateway.routes.tastes import UploadFields

BODY = (
    b'--b\r\nContent-Disposition: form-data; name="title"\r\n\r\nEvening\r\n'
    b'--b\r\nContent-Disposition: form-data; name="files"; filename="C:\\\\music\\\\one.mp3"\r\n'
    b"Content-Type: audio/mpeg\r\n\r\n" + bytes(range(256)) * 4 + b"\r\n--a is not a border\r\n"
    b'--b\r\nContent-Disposition: form-data; name="files"; filename="two.wav"\r\n\r\n\r\n--b--\r\n'
)
TYPE = "multipart/form-data; boundary=b"


@given(st.lists(st.integers(1, len(BODY) - 1), max_size=12))
async def test_the_parts_do_not_depend_on_the_chunks(cuts: list[int]) -> None:
    upload = MultipartUpload(TYPE, _chunks(BODY, sorted(cuts)))
    assert (await upload.read_fields(UploadFields)).title == "Evening"
    names, contents = [], []
    async for part in upload.files():
        if isinstance(part, FileOpening):
            names.append(part.filename)
            contents.append(b"")
        elif isinstance(part, FilePiece):
            contents[-1] += part.data
    assert names == ["one.mp3", "two.wav"]
    assert contents == [bytes(range(256)) * 4 + b"\r\n--a is not a border", b""]


@given(st.binary(max_size=300))
async def test_any_bytes_are_an_upload_a_fault_or_malformed(content: bytes) -> None:
    with pytest.raises((InvalidInput, MalformedError)):
        await _read(MultipartUpload(TYPE, _chunks(b"--b\r\n" + content, [])))


@pytest.mark.parametrize(
    ("given_name", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("a\x00b\n.mp3", "ab.mp3"),
        ("…", "…"),
        ("/", "track"),
        ("x" * 300 + ".mp3", None),
    ],
)
async def test_file_names_are_for_people_only(given_name: str, shown: str | None) -> None:
    head = f'--b\r\nContent-Disposition: form-data; name="files"; filename="{given_name}"\r\n\r\n'.encode()
    upload = MultipartUpload(TYPE, _chunks(head.replace(b"\n.mp3", b".mp3") + b"x\r\n--b--\r\n", []))
    await upload.read_fields(UploadFields)
    opening = await anext(upload.files())
    assert isinstance(opening, FileOpening)
    assert len(opening.filename) <= 255
    assert opening.filename == shown or (shown is None and opening.filename.endswith(".mp3"))


async def _read(upload: MultipartUpload) -> None:
    await upload.read_fields(UploadFields)
    async for _ in upload.files():
        pass


async def _chunks(body: bytes, cuts: list[int]) -> AsyncIterator[bytes]:
    for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True):
        yield body[start:end]
