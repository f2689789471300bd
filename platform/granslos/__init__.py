"""granslos: ambulance dispatch for several centres that work as one."""

__version__ = "0.1.0"
