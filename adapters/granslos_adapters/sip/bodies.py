"""SIP's body: one part or many, nested or broken, to a flat list of parts (RFC 5621, RFC 2046).

The standard library's email parser does the work and never refuses; what senders were seen to do wrong is repaired
before: no boundary named, boundaries indented, a document outside any part.
"""

import re
from email.message import Message
from email.parser import BytesParser
from email.policy import compat32

import msgspec

from granslos_adapters.emergency.defects import Defects

BODY_BYTES_MAX = 2 << 20
PARTS_MAX = 50
_FIRST_BOUNDARY = re.compile(rb"^[ \t]*--([^\s]{1,70})[ \t]*\r?$", re.MULTILINE)
_PRESENCE = re.compile(rb"<(?:\w+:)?presence[\s>].*?</(?:\w+:)?presence\s*>", re.DOTALL)
_BOUNDARY = re.compile(r"boundary\s*=\s*(?:\"([^\"]*)\"|([^\s;]+))", re.IGNORECASE)


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One part, multiparts included (without data). ``content_type`` is the bare media type as the sender wrote it."""

    content_type: str
    content_id: str | None = None
    disposition: str | None = None
    data: bytes = b""


def read_body(body: bytes, content_type: str | None, defects: Defects) -> list[Part]:
    """Return the parts of a body, in order; a body that is not multipart has none."""
    if len(body) > BODY_BYTES_MAX:
        defects.add("body_too_long", f"{len(body)} bytes")
        body = body[:BODY_BYTES_MAX]
    if content_type is None or not content_type.lower().lstrip().startswith("multipart/"):
        return []
    parts = _parse(body, _with_boundary(content_type, body, defects), defects)
    if not parts and body.strip():
        # Seen: every line of the body indented, boundaries too.
        stripped = b"\r\n".join(line.strip() for line in body.splitlines())
        parts = _parse(stripped, _with_boundary(content_type, stripped, Defects()), Defects())
        defects.add("multipart_broken", "read without its indentation" if parts else "no part found")
    return parts


def presence_in(body: bytes) -> list[bytes]:
    """Return the PIDF-LO documents that lie anywhere in a body."""
    return [match[0] for match in _PRESENCE.finditer(body[:BODY_BYTES_MAX])]


def _with_boundary(content_type: str, body: bytes, defects: Defects) -> str:
    stated = _BOUNDARY.search(content_type)
    if stated and (stated[1] or stated[2]):
        return content_type
    first = _FIRST_BOUNDARY.search(body)
    if first is None:
        defects.add("no_boundary", "named neither in the header nor in the body")
        return content_type
    defects.add("no_boundary", "taken from the first line of the body")
    bare = content_type.partition(";")[0]
    return f'{bare}; boundary="{first[1].decode("ascii", "replace")}"'


def _parse(body: bytes, content_type: str, defects: Defects) -> list[Part]:
    head = b"Content-Type: " + content_type.encode("utf-8", "replace").replace(b"\r", b" ").replace(b"\n", b" ")
    message = BytesParser(policy=compat32).parsebytes(head + b"\r\nMIME-Version: 1.0\r\n\r\n" + body)
    parts: list[Part] = []
    for piece in list(message.walk())[1:]:
        for defect in piece.defects:
            defects.add("multipart_defect", type(defect).__name__)
        if len(parts) >= PARTS_MAX:
            defects.add("too_many_parts", f"more than {PARTS_MAX}")
            break
        parts.append(_part(piece))
    for defect in message.defects:
        defects.add("multipart_defect", type(defect).__name__)
    # A closing boundary or a header that was cut off makes an empty part.
    return [part for part in parts if part.content_type != "text/plain" or part.data.strip()]


def _part(piece: Message) -> Part:
    payload = None if piece.is_multipart() else piece.get_payload(decode=True)
    content_id = piece.get("Content-ID")
    disposition = piece.get("Content-Disposition")
    return Part(
        content_type=_media_type(piece),
        content_id=str(content_id).strip(" <>") if content_id else None,
        disposition=str(disposition) if disposition else None,
        data=payload if isinstance(payload, bytes) else b"",
    )


def _media_type(piece: Message) -> str:
    """Return the type in the sender's letters: case tells nothing, but people compare."""
    written = str(piece.get("Content-Type", "")).partition(";")[0].strip()
    return written if "/" in written else piece.get_content_type()
