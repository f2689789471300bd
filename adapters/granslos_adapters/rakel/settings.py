"""Settings of the Rakel adapter: table ``[adapters.rakel]`` of the site file. Every bound has its unit in its name."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from granslos.contract.types import UnitId
from granslos_adapters.kit.settings import AdapterSettings, Seconds

Ssi = Annotated[int, Meta(ge=1, le=16_777_215)]


class LinkSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One terminal. ``url`` is ``serial:/dev/ttyUSB0`` or ``tcp://host:port``; empty means no terminal.

    ``own_ssi``: the number that the terminal must have; messages of another one would be answered to the wrong address.
    ``services``: arguments of ``AT+CTSP`` sent at the start. ``length_digits`` 3 writes lengths as ``032``.
    """

    url: Annotated[str, Meta(pattern=r"^(|serial:/.+|tcp://[^:/]+:[0-9]{1,5})$")] = ""
    speed: Literal[1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200, 230400] = 38_400
    rtscts: bool = True
    own_ssi: Ssi | None = None
    services: tuple[str, ...] = (
        "2,2,20",
        "1,3,2",
        "1,3,9",
        "1,3,10",
        "1,3,130",
        "1,3,137",
        "1,3,138",
        "1,3,140",
    )
    character_set: str = "8859-1"
    length_digits: Annotated[int, Meta(ge=0, le=4)] = 0
    command_timeout_seconds: Seconds = 2.0
    send_timeout_seconds: Seconds = 10.0
    data_pause_seconds: Annotated[float, Meta(ge=0.0, le=10.0)] = 0.0
    open_timeout_seconds: Seconds = 5.0
    resync_timeout_seconds: Seconds = 15.0
    settle_seconds: Annotated[float, Meta(gt=0.0, le=5.0)] = 0.2
    quiet_seconds_max: Seconds = 30.0
    reopen_backoff_seconds_min: Seconds = 0.5
    reopen_backoff_seconds_max: Seconds = 30.0


class UnitAddress(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One radio of one unit. The platform speaks to units, not to radios; a unit's first address is called first."""

    unit_id: UnitId
    ssi: Ssi
    network: Literal["tetra"] = "tetra"
    profile: str | None = None


class RakelSettings(AdapterSettings, frozen=True, kw_only=True):
    """The adapter's own settings. Times in seconds.

    ``status_profile_files`` are a site's own tables, over the shipped ones; ``status_profile`` names the default.
    ``send`` false makes a listening terminal: which site sends is decided outside, else two sites send the same text.
    """

    link: LinkSettings = LinkSettings()
    units: tuple[UnitAddress, ...] = ()
    status_profile: str = "se-default"
    status_profile_files: tuple[str, ...] = ()
    send: bool = True
    always_unicode: bool = False
    immediate_text: bool = True
    text_validity_seconds: Annotated[float, Meta(ge=0.0, le=86_400.0)] = 300.0
    pdu_bits_max: Annotated[int, Meta(ge=160, le=2_047)] = 668
    parts_pending_max: Annotated[int, Meta(ge=1, le=1_000)] = 32
    parts_age_seconds: Seconds = 120.0
    indications_pending_max: Annotated[int, Meta(ge=1, le=100_000)] = 1_000
    send_queue_max: Annotated[int, Meta(ge=1, le=10_000)] = 200
    send_attempts_max: Annotated[int, Meta(ge=1, le=20)] = 5
    receipt_wait_seconds: Seconds = 30.0
    duplicate_window_seconds: Annotated[int, Meta(ge=1, le=3_600)] = 60
    notices_max: Annotated[int, Meta(ge=1, le=10_000)] = 500
