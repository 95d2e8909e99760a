"""A small server with the Hub's HTTP API, so that tests and demonstrations need no network.

The real clients (huggingface_hub, datasets, transformers, evaluate) create repositories, upload, download and open
discussions on it: `with HubServer() as hub: hub.endpoint, hub.token("alice")`. As a command:
`python -m tests.hub_server --port 0`.

It implements the rules that matter for the tests: permissions, private and gated repositories, LFS objects, conflicts.
A success here does not prove that the Hub accepts the same: this server does not check the fields of a card's YAML, has
no quotas, and does not scan files, build Spaces or show data.
"""

from .server import HubServer

__all__ = ["HubServer"]
