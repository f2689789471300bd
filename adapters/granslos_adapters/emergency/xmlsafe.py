"""XML from strangers. Strict first, then lenient; entities and DTDs refused, no network, bounded.

The lenient pass repairs what is commonly broken (undeclared prefixes, blanks before the declaration, stray control
characters, missing end tags) and never lets a number through that the sender's cut may have shortened: text that ran
into the end of the bytes is dropped. Depth is bounded by libxml2 itself, at 256 levels without ``huge_tree``.
"""

import functools
import re
from collections import Counter
from collections.abc import Iterator
from typing import TypeAlias

import msgspec
from lxml import etree

from granslos_adapters.emergency.defects import Defects
from granslos_adapters.emergency.limits import XML_BYTES_MAX, XML_ELEMENTS_MAX

Element: TypeAlias = etree._Element  # noqa: SLF001 -- lxml has no public name for the type of its elements

_STRICT = {"resolve_entities": False, "no_network": True, "huge_tree": False, "load_dtd": False, "remove_pis": True}
_DECLARATION = re.compile(rb"^\s*<\?xml[^>]*\?>", re.DOTALL)
_TEXT_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>", re.DOTALL)
_INSTRUCTION = re.compile(rb"<\?[^<>]*>")
_TAG = re.compile(rb"<(/?)([A-Za-z_][\w:.\-]*+)([^<>]*+)>")
_SIMPLE_DOCTYPE = re.compile(rb"<!DOCTYPE\s[^\[<>]*>", re.IGNORECASE)
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_BOMS = {b"\xef\xbb\xbf": "utf-8", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A parsed document; ``root`` is None when nothing could be read. ``strict`` tells whether it was well-formed."""

    root: Element | None
    strict: bool


def local_name(element: Element) -> str:
    """Return the tag without its namespace, and without a prefix that nobody declared."""
    tag: object = element.tag  # a function, for comments and instructions, whatever the stubs say
    return _local(tag) if isinstance(tag, str) else ""


@functools.lru_cache(maxsize=4_096)
def _local(tag: str) -> str:
    if tag[0] == "{":
        tag = tag.rpartition("}")[2]
    return tag.rpartition(":")[2]


def namespace(element: Element) -> str:
    """Return the namespace of the element, or an empty string."""
    tag: object = element.tag
    return tag[1:].partition("}")[0] if isinstance(tag, str) and tag[:1] == "{" else ""


def children(element: Element) -> Iterator[Element]:
    """Yield the element's child elements, comments and instructions left out."""
    for child in element:
        if isinstance(child.tag, str):
            yield child


def text_of(element: Element) -> str:
    """Return all text below the element, stripped."""
    text = element.text
    if len(element):
        text = "".join(element.itertext())  # type: ignore[arg-type]  # stubs allow bytes
    return text.strip() if text else ""


def parse(data: bytes | str, defects: Defects) -> Document:
    """Read a document, recording what was wrong with it."""
    raw = _to_bytes(data, defects)
    if not raw.strip():
        defects.add("xml_empty", "no document")
        return Document(root=None, strict=False)
    if len(raw) > XML_BYTES_MAX:
        defects.add("xml_too_big", f"{len(raw)} bytes")
        return Document(root=None, strict=False)
    if raw.count(b"<") > 2 * XML_ELEMENTS_MAX:
        defects.add("xml_too_long", f"more than {XML_ELEMENTS_MAX} elements")
        return Document(root=None, strict=False)
    raw = _without_doctype(raw, defects)
    try:
        root: Element | None = etree.fromstring(raw, etree.XMLParser(**_STRICT))  # type: ignore[arg-type]  # the stubs cannot tell
        strict = True
    except (etree.XMLSyntaxError, ValueError) as error:
        defects.add("xml_not_well_formed", _reason(error))
        root, strict = _lenient(raw), False
    if root is None:
        defects.add("xml_unreadable", "nothing could be read")
    return Document(root=root, strict=strict and root is not None)


def to_text(element: Element, characters_max: int) -> str:
    """Return the element as XML text, cut to ``characters_max``; for what is kept as it was."""
    return etree.tostring(element, encoding="unicode", with_tail=False)[:characters_max]


def _to_bytes(data: bytes | str, defects: Defects) -> bytes:
    if isinstance(data, str):
        # A declared encoding says nothing about text that is already decoded.
        return _TEXT_DECLARATION.sub("", data.lstrip("\ufeff"), count=1).encode("utf-8", "replace")
    for bom, encoding in _BOMS.items():
        if data.startswith(bom):
            text = data[len(bom) :] if encoding == "utf-8" else data.decode(encoding, "replace").encode()
            return text if encoding == "utf-8" else _DECLARATION.sub(b"", text, count=1)
    if data[:1].isspace() and _DECLARATION.match(data):
        defects.add("xml_leading_space", "blanks before the XML declaration")
        return data.lstrip()
    return data


def _without_doctype(raw: bytes, defects: Defects) -> bytes:
    if b"<!DOCTYPE" not in raw and b"<!doctype" not in raw and b"<!ENTITY" not in raw:
        return raw
    defects.add("xml_doctype", "document type declaration refused")
    raw = _SIMPLE_DOCTYPE.sub(b"", raw)
    if b"<!DOCTYPE" in raw or b"<!doctype" in raw or b"<!ENTITY" in raw:
        defects.add("xml_entities", "declared entities refused")
        return b""
    return raw


def _lenient(raw: bytes) -> Element | None:
    if not raw:
        return None
    raw = _CONTROL.sub(b" ", _cut_back(raw.strip()))
    bare = _DECLARATION.sub(b"", raw, count=1)
    attempts = [(None, raw), ("utf-8", bare), ("iso-8859-1", bare)]
    if b"</" in raw or b"/>" in raw:
        # Without a root: what is left of a document that lost its beginning.
        attempts.append(("utf-8", b"<fragment>" + _balanced(_INSTRUCTION.sub(b" ", raw)) + b"</fragment>"))
    for encoding, body in attempts:
        try:
            parser = etree.XMLParser(recover=True, encoding=encoding, **_STRICT)  # type: ignore[arg-type]  # the stubs cannot tell
            root: Element | None = etree.fromstring(body, parser)
        except (etree.XMLSyntaxError, ValueError, LookupError):
            continue
        if root is not None:
            return root
    return None


def _cut_back(raw: bytes) -> bytes:
    """Drop text that ran into the end of the bytes: a number there may have lost digits."""
    end = raw.rfind(b">") + 1
    tail = raw[end:]
    opened = tail.find(b"<")
    return raw[:end] + (tail[:opened] if opened >= 0 else b"")


def _balanced(raw: bytes) -> bytes:
    """Drop end tags that nothing opened: they would end the fragment's own root."""
    opened: list[bytes] = []
    count: Counter[bytes] = Counter()

    def keep(match: re.Match[bytes]) -> bytes:
        closing, name, empty = match[1], match[2], match[3].endswith(b"/")
        if closing and not count[name]:
            return b" "
        if closing:
            while True:
                closed = opened.pop()
                count[closed] -= 1
                if closed == name:
                    return match[0]
        if not empty:
            opened.append(name)
            count[name] += 1
        return match[0]

    return _TAG.sub(keep, raw)


def _reason(error: Exception) -> str:
    return str(error).split(", line")[0][:120]
