"""What helps to test code that uses gomatrix_py, and gomatrix_py itself.

`devserver` runs a real homeserver for as long as a block or a test session, `pytest_plugin` offers it as
fixtures, `conformance` holds suites for stores and syncers of your own.
"""

from .devserver import DevServer

__all__ = ["DevServer"]
