"""Failures of the radio link, below the hierarchy of ``granslos.contract.errors``.

UnavailableError
├── LinkLostError          the terminal is gone or silent: reopen with back-off
│   └── WrongRadioError    the terminal has another number than expected: a person must act
├── CommandTimeoutError    no answer within the deadline; the line must be synchronised before the next command
└── OutboxFullError        more messages wait than the bound allows
"""

from granslos.contract.errors import UnavailableError


class LinkLostError(UnavailableError):
    """The terminal is unplugged, closed, or answers nothing."""


class WrongRadioError(LinkLostError):
    """Another terminal than the one configured; its messages would come from the wrong address."""


class CommandTimeoutError(UnavailableError):
    """The terminal did not answer a command in time; whether it was carried out is unknown."""


class OutboxFullError(UnavailableError):
    """The bound of waiting messages is reached."""
