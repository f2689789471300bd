"""Why a local cluster does not start."""

from granslos.contract.errors import GranslosError


class LocalError(GranslosError):
    """The sites cannot be started or driven; the text is one clear line for the person at the terminal."""


class RefusedError(LocalError):
    """Asked for something that cannot work here (a directory in use or hidden, a port taken, a server missing)."""


class StartError(LocalError):
    """A process did not become ready; the text names it and carries the end of its log."""
