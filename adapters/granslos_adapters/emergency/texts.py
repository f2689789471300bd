"""Strings that fit the contract: printable and bounded. What is cut off stays in the raw bytes."""

import html
import re
from collections.abc import Iterator

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
FRAGMENT_CHARACTERS_MAX = 100_000
"""Characters of one HTML fragment that are read; the rest stays in the raw bytes."""
_TAG = re.compile(r"<([/!?]?)([A-Za-z]*)", re.ASCII)
_SILENT = {
    name: re.compile(f"</{name}", re.IGNORECASE | re.ASCII)
    for name in ("script", "style", "iframe", "object", "template", "head", "title")
}
_BREAKING = frozenset({"p", "br", "div", "li", "tr", "h1", "h2", "h3", "h4", "ul", "ol", "table", "section"})


def fit(text: str, characters_max: int) -> str:
    """Return ``text`` without control characters and lone surrogates, cut to ``characters_max`` with an ellipsis."""
    if not text.isprintable():
        text = _CONTROL.sub(" ", text)
    return text if len(text) <= characters_max else text[: characters_max - 1] + "…"


def words(listed: str) -> frozenset[str]:
    """Return the words of a list written as one text; for tables of names."""
    return frozenset(listed.split())


def squeeze(text: str) -> str:
    """Return ``text`` with runs of white space as one space, and none at the ends."""
    return " ".join(text.split())


def plain(fragment: str, characters_max: int) -> str:
    """Return the readable text of an HTML fragment: scripts, styles, frames, comments and tags gone, line breaks kept.

    The result is text, never markup: whatever it still holds is to be shown escaped. Time is linear in the length.
    """
    text = fragment[:FRAGMENT_CHARACTERS_MAX]
    if "<" in text:
        text = "".join(_strip(text))
    if "&" in text:
        text = html.unescape(text)
    lines = (squeeze(line) for line in text.splitlines())
    return fit("\n".join(line for line in lines if line), characters_max)


def _strip(text: str) -> Iterator[str]:
    position = 0
    while (start := text.find("<", position)) >= 0:
        yield text[position:start]
        tag = _TAG.match(text, start)
        if tag is None or not (tag[1] or tag[2]):  # a less-than sign
            yield "<"
            position = start + 1
            continue
        end, shown = _end_of(text, start, tag)
        if end < 0:  # nothing closes it, nor anything after it
            yield shown
            return
        yield shown
        position = end
    yield text[position:]


def _end_of(text: str, start: int, tag: re.Match[str]) -> tuple[int, str]:
    """Return where the reading goes on after a tag (-1: nowhere), and what is shown instead of it."""
    if text.startswith("<!--", start):
        end = text.find("-->", start + 4)
        return (end + 3 if end >= 0 else -1), ""
    end = text.find(">", tag.end()) + 1
    if end == 0:
        return -1, text[start:]
    name = tag[2].lower()
    if not tag[1] and name in _SILENT:
        closing = _SILENT[name].search(text, end)
        return (text.find(">", closing.end()) + 1 or -1 if closing else -1), ""
    return end, "\n" if name in _BREAKING else ""
