"""HTTP-facing entry: the routes of `docs/api.md`, problem details (RFC 9457), the consoles' feed, the console's files.

Routes are data (``operations``): Litestar, the permission check, the audit and the OpenAPI document are made from one
table, so that none of them can say something else than the others.
"""
