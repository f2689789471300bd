"""Bearer tokens of the adapters' HTTP: the node's own verifier, so that one token opens all doors of a site."""

from granslos.runtime.tokens import InvalidTokenError
from granslos.runtime.tokens import TokenVerifier as Verifier

__all__ = ["InvalidTokenError", "Verifier"]
