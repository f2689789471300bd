"""What passes between the link's side and the platform's side of the adapter: values only."""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

import msgspec

from granslos.contract.commands import Command
from granslos.contract.places import Position
from granslos.contract.types import Instant
from granslos_adapters.rakel.codec.sds import Sds, Transfer
from granslos_adapters.rakel.settings import UnitAddress

BEARER = "tetra.pei"
"""How a message came; later bearers (connectivity server, MCData) have names of their own."""
NoticeKind = Literal["status", "text", "emergency", "warning", "unknown_radio", "partial_text"]


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """One message with what the bearer says of it; ``at`` is the node's clock at reception, never the sender's."""

    source: str | None
    called: str
    message: Sds | None
    data_hex: str
    at: datetime
    bearer: str = BEARER


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """Something a dispatcher should see and that no command can say: travels as an observation of kind ``radio``."""

    notice_id: str
    kind: NoticeKind
    at: Instant
    unit_id: str | None = None
    ssi: int | None = None
    value: int | None = None
    raw: str = ""
    meaning: str = ""
    label: str = ""
    text: str | None = None
    bearer: str = BEARER
    site: str | None = None


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """A command for the nodes."""

    aggregate: str
    name: str
    command_id: str
    payload: Command


class ReceiptDue(msgspec.Struct, frozen=True):
    """The sender wants to know that its message arrived; to be sent once everything else here is safe."""

    to: str
    protocol: int
    reference: int


class DeliveryReport(msgspec.Struct, frozen=True):
    """How a message of ours fares."""

    source: str
    reference: int
    status: int


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What follows from one message."""

    orders: tuple[Order, ...] = ()
    position: Position | None = None
    notices: tuple[Notice, ...] = ()
    receipt: ReceiptDue | None = None
    delivery: DeliveryReport | None = None
    agreed_unit: str | None = None
    repeated: bool = False

    @property
    def must_be_safe(self) -> bool:
        """Whether something here would be missed if it were lost."""
        return bool(self.orders or self.notices)


class Directory:
    """Which radio belongs to which unit, both ways; a unit may have several radios, the first is called first."""

    def __init__(self, addresses: Iterable[UnitAddress]) -> None:
        self._by_ssi: dict[int, UnitAddress] = {}
        self._by_unit: dict[str, list[UnitAddress]] = {}
        for address in addresses:
            self._by_ssi[address.ssi] = address
            self._by_unit.setdefault(address.unit_id, []).append(address)

    def by_number(self, number: str | None) -> UnitAddress | None:
        """Return the unit of an SSI or a TSI."""
        ssi = ssi_of(number)
        return None if ssi is None else self._by_ssi.get(ssi)

    def of_unit(self, unit_id: str) -> UnitAddress | None:
        """Return a unit's first radio."""
        return next(iter(self._by_unit.get(unit_id, ())), None)

    def __len__(self) -> int:
        return len(self._by_ssi)


def ssi_of(number: str | None) -> int | None:
    """Return the subscriber part of an SSI or a TSI, or None."""
    if not number or not (number.isascii() and number.isdigit()):
        return None
    return int(number[-8:])


def receipt_due(heard: Heard, transfer: Transfer) -> ReceiptDue | None:
    """Return the receipt that a transfer asks for, where its sender is known."""
    if not transfer.delivery_report_request & 1 or heard.source is None:
        return None
    return ReceiptDue(heard.source, transfer.protocol, transfer.message_reference)
