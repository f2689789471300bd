"""Strings that fit the contract: printable and bounded. What is cut off stays in the raw bytes."""

import re
from html.parser import HTMLParser

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_SPACES = re.compile(r"[ \t\xa0]+")
_LINES = re.compile(r"\s*\n\s*")
_SILENT = frozenset({"script", "style", "iframe", "object", "embed", "template", "head", "title"})
_BREAKING = frozenset({"p", "br", "div", "li", "tr", "h1", "h2", "h3", "h4", "ul", "ol", "table", "section"})


def fit(text: str, characters_max: int) -> str:
    """Return ``text`` without control characters and lone surrogates, cut to ``characters_max`` with an ellipsis."""
    if not text.isprintable():
        text = _CONTROL.sub(" ", text)
    return text if len(text) <= characters_max else text[: characters_max - 1] + "…"


def squeeze(text: str) -> str:
    """Return ``text`` with runs of white space as one space, and none at the ends."""
    return " ".join(text.split())


def plain(fragment: str, characters_max: int) -> str:
    """Return the readable text of an HTML fragment: scripts, styles, frames and tags gone, line breaks kept.

    The result is text, never markup: whatever it still holds is to be shown escaped.
    """
    if "<" not in fragment and "&" not in fragment:
        return fit(_LINES.sub("\n", _SPACES.sub(" ", fragment)).strip(), characters_max)
    reader = _PlainText()
    reader.feed(fragment)
    reader.close()
    return fit(_LINES.sub("\n", _SPACES.sub(" ", "".join(reader.parts))).strip(), characters_max)


class _PlainText(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._silent: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _SILENT and tag != "embed":
            self._silent.append(tag)
        elif tag in _BREAKING:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in self._silent:
            del self._silent[self._silent.index(tag) :]
        elif tag in _BREAKING:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.parts.append(data)
