"""Multipart bodies as a stream of fields and files.

Text fields come first. Files are never held whole in memory or on disk.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

from resonance.errors import InvalidInput, invalid_field
from resonance_gateway.http.bodies import MalformedError, parse

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

FILES = "files"
_TEXT_BYTES_MAX = 32 * 1024
_HEADER_BYTES_MAX = 8 * 1024
_FILENAME_LENGTH_MAX = 255
# What browsers escape in a file's name (the HTML standard's multipart encoding), and nothing else.
_ESCAPES = (("%22", '"'), ("%0D", ""), ("%0A", ""))
_JSON_FIELD = "options"  # its text is JSON; the others are plain text
Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class FileOpening:
    """The start of a file. The name is only displayed, never used as a path."""

    filename: str


@dataclass(frozen=True, slots=True)
class FilePiece:
    """Bytes of the file that was opened last."""

    data: bytes


@dataclass(frozen=True, slots=True)
class TextField:
    """A whole text field."""

    name: str
    value: bytes


Part = FileOpening | FilePiece | TextField


class MultipartUpload:
    """One multipart body: `read_fields` until the first file opens, then `files` as they arrive."""

    def __init__(self, content_type: str, chunks: AsyncIterator[bytes]) -> None:
        self._parts = _read_parts(_parse_boundary(content_type), chunks)
        self._first: FileOpening | FilePiece | None = None

    async def read_fields(self, model: type[Model]) -> Model:
        """The text fields, checked. Raises InvalidInput with every fault, MalformedError for a body that cannot be read."""
        texts: dict[str, str] = {}
        async for part in self._parts:
            if not isinstance(part, TextField):
                self._first = part
                break
            if part.name in texts:
                raise invalid_field(part.name, "REPEATED", "must be given once")
            texts[part.name] = _decode(part, model)
        return _parse_fields(model, texts)

    async def files(self) -> AsyncGenerator[FileOpening | FilePiece, None]:
        """Openings and bytes, in order. Raises InvalidInput where there is no file or a field comes late."""
        if self._first is None:
            raise invalid_field(FILES, "REQUIRED", "send at least one audio file")
        yield self._first
        async for part in self._parts:
            if isinstance(part, TextField):
                raise invalid_field(part.name, "TOO_LATE", f"must come before the {FILES}")
            yield part


def _parse_boundary(content_type: str) -> bytes:
    boundary = parse_options_header(content_type)[1].get(b"boundary")
    if not boundary:
        raise MalformedError("the content type names no multipart boundary")
    return boundary


def _decode(part: TextField, model: type[BaseModel]) -> str:
    if part.name not in model.model_fields:
        raise invalid_field(part.name, "UNKNOWN_FIELD", f"is not a known field; files go into `{FILES}`")
    try:
        return part.value.decode()
    except UnicodeDecodeError:
        raise MalformedError(f"{part.name} is not UTF-8 text") from None


def _parse_fields(model: type[Model], texts: dict[str, str]) -> Model:
    members = [
        f"{json.dumps(name)}: {json.dumps(text)}" for name, text in texts.items() if name != _JSON_FIELD and text
    ]
    if texts.get(_JSON_FIELD, "").strip():
        members.append(f'"{_JSON_FIELD}": {texts[_JSON_FIELD]}')  # unparsed, so that pydantic names its faults
    return parse(model, ("{" + ", ".join(members) + "}").encode())


async def _read_parts(boundary: bytes, chunks: AsyncIterator[bytes]) -> AsyncGenerator[Part, None]:
    reader = _Reader()
    try:
        parser = MultipartParser(boundary, reader.callbacks())
        async for chunk in chunks:
            parser.write(chunk)
            for part in reader.take():
                yield part
        parser.finalize()
    except MultipartParseError as failure:
        raise MalformedError(f"the multipart body cannot be read: {failure}") from None
    if not reader.is_finished:
        raise MalformedError("the multipart body ends too early")


class _Reader:
    """Collects the parts that the parser reports by callback, until the next `take`."""

    def __init__(self) -> None:
        self.is_finished = False
        self._parts: list[Part] = []
        self._headers: dict[bytes, bytes] = {}
        self._name = self._value = b""
        self._field: str | None = None
        self._text = b""

    def callbacks(self) -> MultipartCallbacks:
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._header_name,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_headers_finished": self._open,
            "on_part_data": self._data,
            "on_part_end": self._end,
            "on_end": self._finish,
        }

    def take(self) -> list[Part]:
        parts, self._parts = self._parts, []
        return parts

    def _begin(self) -> None:
        self._headers, self._field, self._text = {}, None, b""

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._name = _append_bounded(self._name, data[start:end])

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value = _append_bounded(self._value, data[start:end])

    def _header_end(self) -> None:
        self._headers[self._name.lower()] = self._value
        self._name = self._value = b""

    def _open(self) -> None:
        options = parse_options_header(self._headers.get(b"content-disposition", b""))[1]
        name = options.get(b"name", b"").decode("utf-8", "replace")[:64]
        if b"filename" not in options:
            self._field = name
        elif name != FILES:
            raise invalid_field(name, "UNKNOWN_FIELD", f"files go into `{FILES}`")
        elif options[b"filename"]:
            self._parts.append(FileOpening(_display_name(options[b"filename"])))
        else:
            self._field = ""  # A browser's form with nothing chosen sends a nameless empty file: not a file at all.

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._field is None:
            self._parts.append(FilePiece(data[start:end]))
        else:
            self._text += data[start:end]
            if len(self._text) > _TEXT_BYTES_MAX:
                raise invalid_field(self._field or FILES, "TOO_LONG", f"must have at most {_TEXT_BYTES_MAX} bytes")

    def _end(self) -> None:
        if self._field:
            self._parts.append(TextField(self._field, self._text))

    def _finish(self) -> None:
        self.is_finished = True


def _append_bounded(text: bytes, more: bytes) -> bytes:
    if len(text) + len(more) > _HEADER_BYTES_MAX:
        raise InvalidInput("a part's header is too long")
    return text + more


def _display_name(raw: bytes) -> str:
    """The last part of a path, printable, at most 255 characters, with its ending kept."""
    text = raw.decode("utf-8", "replace")
    for escape, character in _ESCAPES:
        text = text.replace(escape, character)
    name = text.replace("\\", "/").rsplit("/", 1)[-1]
    name = "".join(letter for letter in name if letter.isprintable()).strip() or "track"
    return name if len(name) <= _FILENAME_LENGTH_MAX else name[:200] + "…" + name[-50:]
