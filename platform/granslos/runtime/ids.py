"""Random identifiers: a command's id is all that is random, since what a command creates derives from it."""

import uuid_utils


def new_command_id() -> str:
    """Return a UUID of version 7 (RFC 9562 §5.7): unique without coordination, and later ones sort after earlier ones.

    Use it for commands that start here. A command that a foreign system caused takes its id from that system's own.
    """
    return str(uuid_utils.uuid7())


def new_instance_id() -> str:
    """Return an id of this run of a process: a restarted node is another instance of the same site."""
    return str(uuid_utils.uuid7())
