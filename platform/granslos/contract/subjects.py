"""Subject names, built here only. Tokens are of ``a-z 0-9 - _``.

Events live under ``log.<site>.>`` so that one chain check covers a whole site (JetStream's expected-last-subject-sequence
with a wildcard filter). Epoch markers live under the *loser's* prefix, so that they make its next batch fail.
"""

import re

LOG_STREAM = "LOG"
_TOKEN = re.compile(r"^[a-z0-9_-]+$")


def token(text: str) -> str:
    """Return ``text`` in lower case with everything else replaced, as one subject token.

    Raises:
        ValueError: nothing is left.
    """
    made = re.sub(r"[^a-z0-9_-]", "-", text.lower())
    if not _TOKEN.match(made):
        raise ValueError(f"not a subject token: {text!r}")
    return made


def log_subject(site: str, aggregate: str, aggregate_id: str) -> str:
    """Return the subject of a journal event in the LOG."""
    return f"log.{token(site)}.{token(aggregate)}.{token(aggregate_id)}"


def log_filter(site: str) -> str:
    """Return the filter that covers all a site has in the LOG, markers against it included."""
    return f"log.{token(site)}.>"


def epoch_subject(loser: str, centre: str, desk: str) -> str:
    """Return the subject of an epoch marker that takes a desk from ``loser``."""
    return f"log.{token(loser)}.epoch.{token(centre)}.{token(desk)}"


def command_subject(site: str, aggregate: str, name: str) -> str:
    """Return the subject on which a site's node takes a command."""
    return f"granslos.v1.cmd.{token(site)}.{token(aggregate)}.{token(name)}"


def command_filter(site: str) -> str:
    """Return the filter of all commands to a site's node."""
    return f"granslos.v1.cmd.{token(site)}.>"


def control_subject(site: str, name: str) -> str:
    """Return the subject of node-to-node requests (drain, refill)."""
    return f"granslos.v1.ctl.{token(site)}.{token(name)}"


def beat_subject(site: str) -> str:
    """Return the subject of a site's presence beats."""
    return f"granslos.v1.beat.{token(site)}"


BEATS = "granslos.v1.beat.*"


def fresh_subject(site: str) -> str:
    """Return the subject on which a site tells others at once what it has committed."""
    return f"granslos.v1.fresh.{token(site)}"


FRESH = "granslos.v1.fresh.*"


def observation_subject(site: str, kind: str, key: str) -> str:
    """Return the subject of an observation (newest wins, lossy by design)."""
    return f"granslos.v1.obs.{token(site)}.{token(kind)}.{token(key)}"


def observation_filter(kind: str) -> str:
    """Return the filter of all sites' observations of a kind."""
    return f"granslos.v1.obs.*.{token(kind)}.*"


def alarm_subject(site: str, unit_id: str) -> str:
    """Return the subject that tells a site's radio adapter of a unit's new assignment or its end."""
    return f"granslos.v1.alarm.{token(site)}.{token(unit_id)}"
