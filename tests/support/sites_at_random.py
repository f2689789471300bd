"""Several sites in memory that decide on what each has seen: its place in the LOG, and its own pending events on top."""

from dataclasses import dataclass, field
from typing import Any

import msgspec

from granslos.contract.events import Event, desk_of
from granslos.domain.stamp import Context
from support.chronicle import Chronicle, Entry, context, folded


@dataclass
class Site:
    """A site's cursor in the LOG and its own events, the first ``forwarded`` of which are in the LOG."""

    code: str
    cursor: int = 0
    journal: list[Entry] = field(default_factory=list)
    forwarded: int = 0


class Sites:
    """Sites around one LOG. ``seen`` tells for each event id which events its site had seen when it was decided."""

    def __init__(self, codes: tuple[str, ...], authority: str) -> None:
        self.log = Chronicle()
        self.sites = {code: Site(code) for code in codes}
        self.authority = authority
        self.seen: dict[str, frozenset[str]] = {}
        self.now = 0.0

    def visible(self, code: str) -> list[Entry]:
        """Return what a site has seen, in its fold order."""
        site = self.sites[code]
        read = self.log.entries[: site.cursor]
        known = {entry.stamp.event_id for entry in read}
        return [*read, *(entry for entry in site.journal if entry.stamp.event_id not in known)]

    def state(self, code: str, kind: str, aggregate_id: str) -> Any:
        """Return an aggregate as a site sees it."""
        return folded(kind, aggregate_id, self.visible(code))

    def context(self, code: str, subject: str) -> Context:
        """Return the context of a command at ``code``, a second after the last one."""
        self.now += 1
        return context(subject, seconds=self.now, command_id=f"cmd{self.now:.0f}", site=code)

    def journal(self, code: str, aggregate: str, aggregate_id: str, event: Event, subject: str) -> Entry:
        """Write what a site decided into its journal."""
        seen = self.visible(code)
        state = folded(aggregate, aggregate_id, seen)
        is_decision = desk_of(type(event).__name__) is not None
        entry = self.log.entry(
            aggregate,
            aggregate_id,
            event,
            self.now,
            site=code,
            centre=code,
            actor=subject,
            base=getattr(state, "last_decision", None) if is_decision else None,
            provisional=is_decision and code != self.authority and aggregate == "incident",
        )
        self.seen[entry.stamp.event_id] = frozenset(e.stamp.event_id for e in seen)
        self.sites[code].journal.append(entry)
        return entry

    def forward(self, code: str) -> None:
        """Copy a site's next pending event into the LOG."""
        site = self.sites[code]
        if site.forwarded < len(site.journal):
            entry = site.journal[site.forwarded]
            entry.stamp = msgspec.structs.replace(entry.stamp, order=len(self.log.entries) + 1)
            self.log.entries.append(entry)
            site.forwarded += 1

    def read(self, code: str, most: int) -> None:
        """Let a site read on in the LOG."""
        site = self.sites[code]
        site.cursor = min(len(self.log.entries), site.cursor + most)

    def settle(self) -> None:
        """Forward and read everything."""
        for code, site in self.sites.items():
            while site.forwarded < len(site.journal):
                self.forward(code)
        for site in self.sites.values():
            site.cursor = len(self.log.entries)
