"""A site file, keys and tokens for tests that start an adapter, in process or as a process of its own."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from granslos.contract.places import Actor, Role
from granslos.runtime.tokens import TokenIssuer, make_key, write_key
from support.eventually import eventually


class SiteFolder:
    """A folder with ``site.toml`` and a key pair; ``token(role)`` signs bearers that the adapter trusts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.keys = folder / "keys"
        self.keys.mkdir(parents=True)
        key = make_key("vas")
        write_key(key, self.keys / "vas.jwk", private=False)
        write_key(key, folder / "site.jwk", private=True)
        self._issuer = TokenIssuer(key)

    @property
    def path(self) -> Path:
        """The site file."""
        return self.folder / "site.toml"

    def write(self, adapter: str, edge_url: str, table: str = "", sites: str = '"esk","vas","upp"') -> Path:
        """Write the site file of ``vas`` with one adapter; ``table`` holds more lines of its table."""
        self.path.write_text(
            f"""
[site]
code = "vas"
name = "vasteras"
environment = "demo"
data_dir = "{self.folder / "data"}"
[http]
port = 0
[postgres]
dsn = "postgresql://nobody@127.0.0.1:1/none"
[nats]
edge_urls = ["{edge_url}"]
hub_urls = ["nats://127.0.0.1:1"]
[cluster]
sites = [{sites}]
replicas = 1
[auth]
signing_key = "{self.folder / "site.jwk"}"
public_keys = "{self.keys}"
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

    def token(self, role: Role = "adapter") -> str:
        """Sign a bearer token that lives a minute."""
        return self._issuer.issue(Actor(subject="sos-alarm", role=role), timedelta(minutes=1))

    def headers(self, role: Role = "adapter") -> dict[str, str]:
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
