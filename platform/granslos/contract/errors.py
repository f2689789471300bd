"""The hierarchy of failures, drawn once.

    GranslosError
    ├── ContractError            bytes that do not follow the contract
    │   ├── UnknownTypeError     a type this release cannot read: park it, do not guess
    │   └── InvalidFieldError    a known type with a wrong field; names the field
    ├── UnavailableError         a peer or a store is away; may heal; retried within a bound
    │   ├── StoreUnavailableError    this site cannot commit: answer 503
    │   ├── LogUnavailableError      no leader, no quorum or no route to the LOG
    │   │   └── LogMissingError      the stream does not exist: never made, or deleted
    │   └── AuthorityUnavailableError  the desk's authority does not answer (unknown outcome)
    ├── DecisionFailedError      a bug, or rows that PostgreSQL refuses: one command cannot be decided, stored or shown
    ├── ChainError               the LOG or the journal contradicts what this site knows: stop and alarm
    │   ├── GapError             an event is missing
    │   ├── ForeignTailError     the LOG's last own event is not in this journal (restored backup)
    │   └── StreamIdentityError  another stream under the same name, or one that ends before our cursor
    └── SettingsError            a bad site file: the process ends with exit code 78

A domain ``Rejection`` is a value, not an exception.
"""


class GranslosError(Exception):
    """Root of what granslos raises on purpose."""


class ContractError(GranslosError):
    """Bytes that do not follow the contract."""


class UnknownTypeError(ContractError):
    """An event or command type this release cannot read."""


class InvalidFieldError(ContractError):
    """A known type with a wrong field."""

    def __init__(self, detail: str, field: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.field = field


class UnavailableError(GranslosError):
    """A peer or a store is away; the caller may try again or elsewhere."""


class StoreUnavailableError(UnavailableError):
    """This site's PostgreSQL cannot commit."""


class LogUnavailableError(UnavailableError):
    """The LOG has no leader, no quorum, or no route from here."""


class LogMissingError(LogUnavailableError):
    """The LOG's stream does not exist."""


class AuthorityUnavailableError(UnavailableError):
    """The desk's authority did not answer: the outcome is unknown."""


class DecisionFailedError(GranslosError):
    """One command cannot be decided, stored or shown, because of what it is; another site would not do better."""


class ChainError(GranslosError):
    """The LOG or the journal contradicts what this site knows."""


class GapError(ChainError):
    """An event is missing in a sequence that must be contiguous."""


class ForeignTailError(ChainError):
    """The LOG's last own event is not in this site's journal."""


class StreamIdentityError(ChainError):
    """Another stream under the LOG's name, or one that ends before this site's cursor."""


class SettingsError(GranslosError):
    """A site file that cannot be used."""
