"""Checks what a site holds: its journal and its copy of the LOG, contiguous and with right hashes."""

from typing import Any

import psycopg

from granslos.contract.envelope import ZERO_HASH, decode_envelope, event_hash
from granslos.contract.errors import ContractError, StoreUnavailableError

FINDINGS_MAX = 100
"""After so many findings the check stops: something is thoroughly wrong."""


async def verify(dsn: str) -> list[str]:
    """Return what is wrong, one line each; empty when all is well.

    Raises:
        StoreUnavailableError: PostgreSQL does not answer.
    """
    findings: list[str] = []
    try:
        async with await psycopg.AsyncConnection.connect(dsn, connect_timeout=5) as connection:
            await _journal(connection, findings)
            await _event_log(connection, findings)
    except psycopg.OperationalError as error:
        raise StoreUnavailableError(str(error)) from error
    return findings[:FINDINGS_MAX]


async def _journal(connection: psycopg.AsyncConnection[Any], findings: list[str]) -> None:
    place, digest = (0, 0), ZERO_HASH
    async with connection.cursor(name="journal") as cursor:
        await cursor.execute("select generation, jseq, hash, body from journal order by generation, jseq")
        async for generation, jseq, stored, body in cursor:
            where = f"journal ({generation}, {jseq})"
            if (generation, jseq) not in {(place[0], place[1] + 1), (place[0] + 1, 1)} and place != (0, 0):
                findings.append(f"{where} follows {place}")
            _one(findings, where, stored, body, digest if generation == place[0] else None)
            place, digest = (generation, jseq), event_hash(body)
            if len(findings) >= FINDINGS_MAX:
                return


async def _event_log(connection: psycopg.AsyncConnection[Any], findings: list[str]) -> None:
    seq = 0
    tails: dict[str, tuple[int, int, str]] = {}
    async with connection.cursor(name="event_log") as cursor:
        await cursor.execute("select log_seq, site, generation, jseq, hash, body from event_log order by log_seq")
        async for log_seq, site, generation, jseq, stored, body in cursor:
            where = f"event_log {log_seq}"
            if log_seq != seq + 1:
                findings.append(f"{where} follows {seq}")
            seq = log_seq
            if jseq == 0:
                _one(findings, where, stored, body, None)
                continue
            tail = tails.get(site, (0, 0, ZERO_HASH))
            fresh = generation > tail[0] and jseq == 1
            if not fresh and (generation, jseq) != (tail[0], tail[1] + 1):
                findings.append(f"{where}: {site} ({generation}, {jseq}) follows {tail[:2]}")
            _one(findings, where, stored, body, None if fresh else tail[2])
            tails[site] = (generation, jseq, event_hash(body))
            if len(findings) >= FINDINGS_MAX:
                return


def _one(findings: list[str], where: str, stored: str, body: bytes, previous: str | None) -> None:
    if event_hash(body) != stored:
        findings.append(f"{where}: its hash is not that of its bytes")
    try:
        envelope = decode_envelope(body)
    except ContractError as error:
        findings.append(f"{where}: {error}")
        return
    if previous is not None and envelope.prev != previous:
        findings.append(f"{where}: does not hold its predecessor's hash")
