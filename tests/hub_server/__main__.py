"""Runs the server until it is stopped, and prints the environment variables for clients.

python -m tests.hub_server --port 0 --user alice --org cmcc-org
"""

from __future__ import annotations

import argparse
import tempfile
import threading

from . import HubServer


def main() -> None:
    """Starts the server; all users may write to all organizations."""
    parser = argparse.ArgumentParser(prog="python -m tests.hub_server", description=str(__doc__).split("\n")[0])
    parser.add_argument("--port", type=int, default=0, help="default: any free port")
    parser.add_argument("--user", action="append", help="the token of the first user is printed (default: alice)")
    parser.add_argument("--org", action="append", default=[], help="an organization of all users")
    options = parser.parse_args()
    users = options.user or ["alice"]
    with HubServer(dict.fromkeys(users, options.org), options.port) as hub:
        for name, value in hub.environment(tempfile.mkdtemp(prefix="hub-clients-"), users[0]).items():
            print(f"export {name}={value}", flush=True)
        for name in users[1:]:
            print(f"# HF_TOKEN of {name}: {hub.token(name)}", flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
