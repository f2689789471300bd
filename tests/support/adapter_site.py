"""A site file, keys and tokens for tests that start an adapter, in process or as a process of its own."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
from joserfc import jwt
from joserfc.jwk import OKPKey

from support.eventually import eventually


class SiteFolder:
    """A folder with ``site.toml`` and a key pair; ``token(role)`` signs bearers that the adapter trusts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = OKPKey.generate_key("Ed25519", {"kid": "vas"})
        (folder / "keys").mkdir(parents=True)
        self.publish(self.key, "vas")

    @property
    def path(self) -> Path:
        """The site file."""
        return self.folder / "site.toml"

    def publish(self, key: OKPKey, name: str) -> None:
        """Put a site's public key where adapters look."""
        (self.folder / "keys" / f"{name}.jwk").write_bytes(msgspec.json.encode(key.as_dict(private=False)))

    def write(self, adapter: str, edge_url: str, table: str = "", sites: str = '"esk","vas","upp"') -> Path:
        """Write the site file of ``vas`` with one adapter; ``table`` holds more lines of its table."""
        self.path.write_text(
            f"""
[site]
code = "vas"
name = "vasteras"
environment = "demo"
data_dir = "{self.folder / "data"}"
[nats]
edge_urls = ["{edge_url}"]
[cluster]
sites = [{sites}]
[auth]
public_keys = "{self.folder / "keys"}"
[[centres]]
code = "vas"
name = "Västerås"
site = "vas"
areas = ["19"]
[adapters.{adapter}]
{table}
"""
        )
        return self.path

    def token(self, role: str = "adapter", *, key: OKPKey | None = None, lives_seconds: int = 60) -> str:
        """Sign a bearer token."""
        claims = {"sub": "sos-alarm", "role": role, "exp": int(time.time()) + lives_seconds}
        return jwt.encode({"alg": "Ed25519", "kid": "vas"}, claims, key or self.key, algorithms=["Ed25519"])

    def headers(self, role: str = "adapter") -> dict[str, str]:
        """HTTP headers of a trusted bearer."""
        return {"Authorization": f"Bearer {self.token(role)}"}


class AdapterProcess:
    """A running ``python -m granslos_adapters.<name>``."""

    def __init__(self, process: asyncio.subprocess.Process, url: str, errors: Path) -> None:
        self.process = process
        self.url = url
        self.errors = errors

    def log(self) -> str:
        """All it has logged so far."""
        return self.errors.read_text()


@asynccontextmanager
async def running(module: str, config: Path) -> AsyncIterator[AdapterProcess]:
    """Start an adapter, wait for its ready line, kill it in the end if it still runs."""
    errors = config.parent / "stderr.log"
    with errors.open("ab") as stream:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", module, "--config", str(config), stdout=asyncio.subprocess.PIPE, stderr=stream
        )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(20):
            line = (await process.stdout.readline()).decode().split()
        assert line[:1] == ["ready"], f"the adapter did not start: {errors.read_text()}"
        yield AdapterProcess(process, line[2], errors)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await eventually(lambda: process.returncode is not None, within_seconds=5)
