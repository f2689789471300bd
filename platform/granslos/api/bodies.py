"""Bodies of requests: bounded in size, time, nesting, and memory for all of them together."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
from litestar.types import Receive

from granslos.api.problems import ProblemError
from granslos.runtime import limits


class BodyReader:
    """Reads bodies; a slow sender holds up nobody else."""

    def __init__(self) -> None:
        self._held_bytes = 0

    async def read(self, receive: Receive, bytes_max: int, declared: str | None) -> bytes:
        """Return a whole body.

        Raises:
            ProblemError: 408 too slow, 413 too large, 503 too many at once.
        """
        if self._held_bytes >= limits.HTTP_BODIES_BYTES_MAX:
            raise ProblemError(503, "busy", "Too many large requests at once")
        chunks: list[bytes] = []
        size = 0
        too_large = declared is not None and declared.isdigit() and int(declared) > bytes_max
        try:
            async with asyncio.timeout(limits.HTTP_BODY_SECONDS):
                async for chunk in _chunks(receive):
                    size += len(chunk)
                    too_large = too_large or size > bytes_max
                    if not too_large:
                        self._held_bytes += len(chunk)
                        chunks.append(chunk)
                    elif size > limits.HTTP_BODY_DRAIN_BYTES_MAX:
                        break
        except TimeoutError:
            if not too_large:
                raise ProblemError(408, "body_too_slow", "The body did not arrive in time") from None
        finally:
            self._held_bytes -= sum(map(len, chunks))
        if too_large:
            raise ProblemError(413, "too_large", "The body is too large", f"At most {bytes_max} bytes are taken here.")
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)


async def _chunks(receive: Receive) -> AsyncIterator[bytes]:
    while True:
        message: Any = await receive()
        if message["type"] == "http.disconnect":
            raise ProblemError(400, "body_incomplete", "The sender went away")
        if message.get("body"):
            yield message["body"]
        if not message.get("more_body", False):
            return


def decode_object(data: bytes) -> dict[str, Any]:
    """Decode a JSON object; an empty body is an empty one. Of a key that comes twice the last counts.

    Raises:
        ProblemError: 400 not JSON, not UTF-8, or nested too deeply; 422 not an object.
    """
    if not data or data.isspace():
        return {}
    try:
        decoded = msgspec.json.decode(data)
    except UnicodeDecodeError:
        raise ProblemError(400, "invalid_utf8", "The body is not UTF-8") from None
    except RecursionError:
        raise too_deep() from None
    except msgspec.DecodeError as error:
        raise ProblemError(400, "invalid_json", "The body is not JSON", str(error)) from None
    if not isinstance(decoded, dict):
        raise ProblemError(422, "invalid_field", "The body is not a JSON object", field="$")
    if depth_exceeds(decoded, limits.JSON_DEPTH_LEVELS_MAX):
        raise too_deep()
    return decoded


def too_deep() -> ProblemError:
    """Return the refusal of a body nested too deeply."""
    return ProblemError(
        400, "too_deep", "The body is nested too deeply", f"At most {limits.JSON_DEPTH_LEVELS_MAX} levels are taken."
    )


def depth_exceeds(value: Any, levels: int) -> bool:
    """Tell whether objects and lists are nested deeper than ``levels``; does not recurse."""
    layer = [value]
    for _ in range(levels):
        deeper: list[Any] = []
        for item in layer:
            if isinstance(item, dict):
                deeper += item.values()
            elif isinstance(item, list):
                deeper += item
        layer = [item for item in deeper if isinstance(item, dict | list)]
        if not layer:
            return False
    return True
