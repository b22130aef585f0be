"""End-to-end encryption: an engine without I/O; `gomatrix_py.client.encryption` carries out what it wants sent."""
