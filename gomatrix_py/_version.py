"""The version, in one place: read by setup.py and sent as part of the User-Agent."""

__version__ = "0.1.0"
