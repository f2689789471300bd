"""The console's files, from this origin and no other."""

import hashlib
import mimetypes
from pathlib import Path, PurePosixPath

import msgspec
from litestar.response.base import ASGIResponse

from granslos.api.problems import AnyRequest

INDEX = "index.html"
FOREVER = "public, max-age=31536000, immutable"
"""For names that hold their content's hash; the build puts them under ``assets/``."""
FILE_BYTES_MAX = 16_777_216
FILES_MAX = 2_000
_ASSETS = "assets/"
_TYPES = {
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}
_NOT_BUILT = """<!doctype html>
<html lang="sv"><meta charset="utf-8"><title>granslos</title>
<h1>Konsolen är inte byggd</h1>
<p>Noden svarar, men konsolens filer saknas i den här installationen.
Kör <code>make console</code> och starta om noden.</p>
<p lang="en">The node answers, but this installation lacks the console's files.
Run <code>make console</code> and restart the node.</p>
<p><a href="/health/ready">/health/ready</a> · <a href="/schema">/schema</a></p>
</html>
"""


class File(msgspec.Struct, frozen=True):
    """A file as it is sent."""

    body: bytes
    media_type: str
    tag: str
    caching: str


def security_headers(connect: tuple[str, ...]) -> dict[str, str]:
    """Return the headers of every page: files of this origin alone, and no talk but with the sites."""
    origins = " ".join(["'self'", *connect])
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; manifest-src 'self'; "
        f"connect-src {origins}; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), payment=(), usb=()",
    }


class Console:
    """Files of the built console, read once."""

    def __init__(self, folder: Path, connect: tuple[str, ...] = ()) -> None:
        self._headers = security_headers(connect)
        self._files = _read(folder)

    @property
    def is_built(self) -> bool:
        """Tell whether there is a console to show."""
        return INDEX in self._files

    def answer(self, request: AnyRequest, path: str) -> ASGIResponse | None:
        """Return the file at ``path``, the console itself for any of its own addresses, or None: no such file."""
        if not self.is_built:
            return self._not_built() if not PurePosixPath(path).suffix else None
        found = self._files.get(path or INDEX)
        if found is None:
            if path.startswith(_ASSETS) or PurePosixPath(path).suffix:
                return None
            found = self._files[INDEX]
        headers = self._headers | {"ETag": found.tag, "Cache-Control": found.caching}
        if request.headers.get("if-none-match") == found.tag:
            return ASGIResponse(status_code=304, media_type=found.media_type, headers=headers)
        return ASGIResponse(body=found.body, media_type=found.media_type, headers=headers)

    def _not_built(self) -> ASGIResponse:
        headers = self._headers | {"Cache-Control": "no-store"}
        return ASGIResponse(body=_NOT_BUILT.encode(), media_type="text/html", headers=headers)


def _read(folder: Path) -> dict[str, File]:
    if not folder.is_dir():
        return {}
    found: dict[str, File] = {}
    for file in sorted(folder.rglob("*")):
        # A link could lead out of the folder.
        if not file.is_file() or file.is_symlink():
            continue
        assert len(found) < FILES_MAX and file.stat().st_size <= FILE_BYTES_MAX, f"{folder} is not a built console"
        name = file.relative_to(folder).as_posix()
        body = file.read_bytes()
        tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        found[name] = File(body, _media_type(file), tag, FOREVER if name.startswith(_ASSETS) else "no-cache")
    return found


def _media_type(file: Path) -> str:
    kind = _TYPES.get(file.suffix) or mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    # Litestar names the character set of text/*.
    return f"{kind}; charset=utf-8" if kind.endswith(("json", "xml")) else kind
