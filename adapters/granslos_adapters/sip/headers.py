"""SIP's head: start line and headers (RFC 3261, 7.3), the values of those that carry an emergency call's data."""

import re
from collections.abc import Iterator
from urllib.parse import unquote

import msgspec

from granslos_adapters.emergency.defects import Defects

HEADERS_MAX = 500
HEAD_BYTES_MAX = 256 << 10
COMPACT = {
    "a": "accept-contact",
    "b": "referred-by",
    "c": "content-type",
    "d": "request-disposition",
    "e": "content-encoding",
    "f": "from",
    "i": "call-id",
    "k": "supported",
    "l": "content-length",
    "m": "contact",
    "o": "event",
    "r": "refer-to",
    "s": "subject",
    "t": "to",
    "u": "allow-events",
    "v": "via",
}
"""Short header names (RFC 3261, 7.3.3 and IANA)."""
_REQUEST = re.compile(r"^([A-Z]{3,20})\s+(\S+)\s+SIP/\d\.\d\s*$")
_RESPONSE = re.compile(r"^SIP/\d\.\d\s+(\d{3})(?:\s+(.*))?$")
_URN = re.compile(r"urn:(?:emergency|nena)(?::service)?:uid:(callid|incidentid):([^\s<>;,\"]+)", re.IGNORECASE)
_UNIQUE = re.compile(r"^[A-Za-z0-9]{10,36}:\S+$")
_END = re.compile(rb"\r?\n\r?\n|\r\r")


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """Start line and headers; names in lower case, compact ones written out, values unfolded and as they came."""

    start: str
    method: str | None = None
    request_uri: str | None = None
    status: int | None = None
    headers: tuple[tuple[str, str], ...] = ()

    def all(self, name: str) -> tuple[str, ...]:
        """Return every value of a header, in order."""
        return tuple(value for key, value in self.headers if key == name)

    def first(self, name: str) -> str | None:
        """Return the first value of a header."""
        return next((value for key, value in self.headers if key == name), None)


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of a Call-Info: where, and what for."""

    uri: str
    purpose: str | None = None


class Ids(msgspec.Struct, frozen=True, kw_only=True):
    """The identifiers that URNs in Call-Info carry, verbatim, the first of each kind first."""

    calls: tuple[str, ...] = ()
    incidents: tuple[str, ...] = ()


def split(data: bytes) -> tuple[bytes, bytes]:
    """Return head and body; keep-alive line breaks before the start line are dropped."""
    data = data.lstrip(b"\r\n")
    end = _END.search(data)
    return (data[: end.start()], data[end.end() :]) if end else (data, b"")


def read_head(head: bytes, defects: Defects) -> Head | None:
    """Read the head of a message; None with a defect when it is not SIP at all."""
    if len(head) > HEAD_BYTES_MAX:
        defects.add("head_too_long", f"{len(head)} bytes")
        head = head[:HEAD_BYTES_MAX]
    start, *lines = re.split(r"\r\n|\n|\r", head.decode("utf-8", "replace"))
    request, response = _REQUEST.match(start), _RESPONSE.match(start)
    headers = list(_headers(lines, defects))
    if request is None and response is None:
        defects.add("bad_start_line", start[:60])
        if not any(name in ("call-id", "via", "cseq") for name, _ in headers):
            return None
    return Head(
        start=start,
        method=request[1] if request else None,
        request_uri=request[2] if request else None,
        status=int(response[1]) if response else None,
        headers=tuple(headers),
    )


def _headers(lines: list[str], defects: Defects) -> Iterator[tuple[str, str]]:
    unfolded: list[str] = []
    for line in lines:
        if line[:1] in (" ", "\t") and unfolded:
            unfolded[-1] += " " + line.strip()
        elif line.strip():
            unfolded.append(line)
    if len(unfolded) > HEADERS_MAX:
        defects.add("too_many_headers", f"{len(unfolded)}")
    for line in unfolded[:HEADERS_MAX]:
        name, colon, value = line.partition(":")
        name = name.strip().lower()
        if not colon or not name or " " in name:
            defects.add("bad_header", line[:40])
            continue
        yield COMPACT.get(name, name), value.strip()


def read_references(values: tuple[str, ...]) -> list[Reference]:
    """Read Call-Info values: lists with commas, with and without angle brackets, with and without purpose."""
    references = []
    for value in values:
        for entry in split_list(value):
            uri, parameters = bracketed(entry)
            purpose = next((text for name, text in parameters if name == "purpose"), None)
            references.append(Reference(uri=uri, purpose=purpose))
    return references


def split_list(value: str) -> list[str]:
    """Split a header's value at commas that are neither in quotes nor in angle brackets."""
    parts, depth, quoted, begin = [], 0, False, 0
    for index, character in enumerate(value):
        if character == '"':
            quoted = not quoted
        elif quoted:
            continue
        elif character == "<":
            depth += 1
        elif character == ">":
            depth = max(0, depth - 1)
        elif character == "," and depth == 0:
            parts.append(value[begin:index])
            begin = index + 1
    parts.append(value[begin:])
    return [part.strip() for part in parts if part.strip()]


def bracketed(entry: str) -> tuple[str, list[tuple[str, str]]]:
    """Return the URI of ``"name" <uri>;parameter=value`` and its parameters; a missing bracket is forgiven."""
    before, opened, rest = entry.partition("<")
    if opened:
        uri, _closed, tail = rest.partition(">")
    else:
        uri, _semicolon, tail = before.partition(";")
        tail = ";" + tail
    parameters = []
    for part in tail.split(";"):
        name, _equals, value = part.partition("=")
        if name.strip():
            parameters.append((name.strip().lower(), value.strip().strip('"')))
    return uri.strip(), parameters


def read_ids(values: tuple[str, ...], defects: Defects) -> Ids:
    """Find call and incident identifiers by their URN, whatever purpose stands beside it."""
    found: dict[str, dict[str, None]] = {"callid": {}, "incidentid": {}}
    for value in values:
        for match in _URN.finditer(value):
            found[match[1].lower()][match[0]] = None
            if not _UNIQUE.match(match[2]):
                defects.add("unusual_id", "not 10 to 36 letters and digits and a domain", "call-info")
    return Ids(calls=tuple(found["callid"]), incidents=tuple(found["incidentid"]))


def referred_headers(refer_to: str) -> dict[str, tuple[str, ...]]:
    """Return the headers that a Refer-To URI carries escaped (RFC 3261, 19.1.1), e.g. a Call-Info with an EIDO."""
    uri, _ = bracketed(refer_to)
    _, question, query = uri.partition("?")
    found: dict[str, tuple[str, ...]] = {}
    for part in query.split("&") if question else ():
        name, _equals, value = part.partition("=")
        key = name.strip().lower()
        found[key] = (*found.get(key, ()), unquote(value))
    return found
