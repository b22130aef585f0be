"""Sign in once with a browser, keep the session in a file, and go on with it in later runs.

    MATRIX_URL=https://matrix.example.org python sso_login.py session.json [provider]

The address to open is printed; on a machine with a browser, `login_sso` opens it itself where `show` is left out.
"""

import os
import sys
from pathlib import Path

from gomatrix_py import Client


def signed_in(path: Path, idp_id: str = "") -> Client:
    """Return a client that goes on with a saved session, or that a person has just signed in."""
    if path.exists():
        return Client.from_session(path)
    client = Client(os.environ["MATRIX_URL"])
    # without show=…, the browser of this machine is opened
    client.login_sso(
        idp_id, show=lambda address: print(f"To sign in, open {address}", flush=True), refresh_token=True
    )
    client.save_session(path)  # for its owner's eyes only; new tokens go there by themselves
    return client


if __name__ == "__main__":
    with signed_in(Path(sys.argv[1]), *sys.argv[2:3]) as client:
        who = client.whoami()
        print(f"I am {who.user_id} on device {who.device_id}")
