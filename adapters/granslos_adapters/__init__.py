"""Adapters between the outside world and a granslos node; one folder per protocol."""
