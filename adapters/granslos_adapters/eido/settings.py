"""Settings and bounds of the EIDO adapter: table ``[adapters.eido]`` of the site file."""

from typing import Annotated

from msgspec import Meta

from granslos_adapters.kit.settings import AdapterSettings

BODY_BYTES_MAX = 48 << 20
"""An EIDO's notes alone may have 16 MB (STA-021 2.15), thrice that when every letter is written as an escape."""
KEPT_BYTES_MAX = 64 << 20
"""Of a body that is too big, so much is still kept."""
LARGE_BODY_BYTES = 128 << 10
"""Larger bodies are read in a thread, so that they do not hold up other senders' calls."""
READING_SECONDS_MAX = 0.4
"""After this a large body counts as not readable in time: its ids are passed on, its bytes are kept."""


class EidoSettings(AdapterSettings, frozen=True, kw_only=True):
    """What a site can set. ``priorities`` proposes a priority for each common number, 0 to 10 (10 most urgent)."""

    body_bytes_max: Annotated[int, Meta(ge=16 << 20)] = BODY_BYTES_MAX
    kept_bytes_max: Annotated[int, Meta(ge=16 << 20)] = KEPT_BYTES_MAX
    reading_seconds_max: Annotated[float, Meta(gt=0.0, le=1.0)] = READING_SECONDS_MAX
    priorities: Annotated[tuple[str, ...], Meta(min_length=11, max_length=11)] = (
        *("4", "4", "3", "3", "2B", "2A", "2A", "1B", "1B", "1A", "1A"),
    )
