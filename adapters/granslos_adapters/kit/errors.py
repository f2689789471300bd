"""Failures of an adapter process, below the hierarchy of ``granslos.contract.errors``.

UnavailableError
├── NoNodeAnsweredError   no site's node took the command within the deadline: spool it
├── SpoolFullError        the spool's bound is reached: tell the sender to use another endpoint
└── PortInUseError        the process ends with exit code 69
"""

from granslos.contract.errors import UnavailableError


class NoNodeAnsweredError(UnavailableError):
    """No node answered within the deadline; the outcome is unknown, so the same command id must be used again."""


class SpoolFullError(UnavailableError):
    """The spool has reached its bound of messages or bytes, or its disk does not take the write."""


class PortInUseError(UnavailableError):
    """The adapter's HTTP port cannot be bound."""
