"""Contacts as xCard (RFC 6351) and jCard (RFC 7095), reduced to what a call-taker reads; the rest stays raw."""

from typing import Any

import msgspec

from granslos_adapters.emergency.defects import Defects
from granslos_adapters.emergency.limits import SHORT_TEXT_CHARACTERS_MAX
from granslos_adapters.emergency.texts import fit, squeeze
from granslos_adapters.emergency.xmlsafe import Element, children, local_name, text_of

VALUES_PER_PROPERTY_MAX = 20
_ADDRESS_PARTS = ("street", "ext", "pobox", "code", "locality", "region", "country")
_NAME_PARTS = ("prefix", "given", "additional", "surname", "suffix")
_JCARD_ADDRESS = ("pobox", "ext", "street", "locality", "region", "code", "country")
_JCARD_NAME = ("surname", "given", "additional", "prefix", "suffix")


class Contact(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A person or an organisation; each list is in the sender's order."""

    name: str | None = None
    organisations: tuple[str, ...] = ()
    telephones: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    positions: tuple[str, ...] = ()
    other: tuple[tuple[str, str], ...] = ()


class _Builder:
    def __init__(self) -> None:
        self.full_name: str | None = None
        self.composed_name: str | None = None
        self.lists: dict[str, list[str]] = {
            name: [] for name in ("organisations", "telephones", "emails", "addresses", "languages", "positions")
        }
        self.other: list[tuple[str, str]] = []

    def add(self, name: str, value: str) -> None:
        value = fit(squeeze(value), SHORT_TEXT_CHARACTERS_MAX)
        target = _TARGETS.get(name)
        if not value:
            return
        if name == "fn":
            self.full_name = self.full_name or value
        elif name == "n":
            self.composed_name = self.composed_name or value
        elif target is None:
            if len(self.other) < VALUES_PER_PROPERTY_MAX:
                self.other.append((name[:40], value))
        elif len(self.lists[target]) < VALUES_PER_PROPERTY_MAX:
            self.lists[target].append(value)

    def build(self) -> Contact | None:
        name = self.full_name or self.composed_name
        lists = {key: tuple(values) for key, values in self.lists.items()}
        if not name and not self.other and not any(lists.values()):
            return None
        return Contact(name=name, other=tuple(self.other), **lists)


_TARGETS = {
    "fn": "",
    "n": "",
    "org": "organisations",
    "tel": "telephones",
    "email": "emails",
    "adr": "addresses",
    "lang": "languages",
    "geo": "positions",
}


def read_xcard(card: Element) -> Contact | None:
    """Read a ``vcard`` element; None when it says nothing."""
    builder = _Builder()
    for item in children(card):
        name = local_name(item)
        if name == "group":
            for inner in children(item):
                builder.add(local_name(inner), _xcard_value(inner))
        else:
            builder.add(name, _xcard_value(item))
    return builder.build()


def _xcard_value(item: Element) -> str:
    parts = [(local_name(child), text_of(child)) for child in children(item) if local_name(child) != "parameters"]
    name = local_name(item)
    if name in ("adr", "n"):
        order = _ADDRESS_PARTS if name == "adr" else _NAME_PARTS
        joined = (", " if name == "adr" else " ").join(text for key in order for part, text in parts if part == key and text)
        return joined or _label(item)
    return " ".join(text for _, text in parts if text) if parts else text_of(item)


def _label(item: Element) -> str:
    return next((text_of(element) for element in item.iter() if local_name(element) == "label"), "")


def read_jcard(card: Any, defects: Defects) -> Contact | None:
    """Read a decoded jCard, ``["vcard", [[name, parameters, type, value…]…]]``; None when it says nothing."""
    if not isinstance(card, list) or len(card) < 2 or card[0] != "vcard" or not isinstance(card[1], list):
        defects.add("bad_jcard", "not a jCard")
        return None
    builder = _Builder()
    for item in card[1]:
        if not isinstance(item, list) or len(item) < 4 or not isinstance(item[0], str):
            defects.add("bad_jcard", "a property is not a list of name, parameters, type, value")
            continue
        if item[0] != "version":
            builder.add(item[0], " ".join(_jcard_value(item[0], value) for value in item[3:]))
    return builder.build()


def _jcard_value(name: str, value: Any) -> str:
    if isinstance(value, list):
        order = _JCARD_ADDRESS if name == "adr" else _JCARD_NAME if name == "n" else ()
        texts = [" ".join(map(str, part)) if isinstance(part, list) else str(part) for part in value]
        if order and len(texts) >= len(order):
            named = dict(zip(order, texts, strict=False))
            shown = _ADDRESS_PARTS if name == "adr" else _NAME_PARTS
            return (", " if name == "adr" else " ").join(named[key] for key in shown if named.get(key))
        return ", ".join(text for text in texts if text)
    return str(value)
