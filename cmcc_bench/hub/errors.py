"""Turns the exceptions of the Hub's clients into messages that say what to do next."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
from huggingface_hub import constants
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    LocalTokenNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from cmcc_bench.errors import DataError, printable

_LOG_IN = "Log in with `hf auth login`, or set HF_TOKEN to a token from https://huggingface.co/settings/tokens."
_AGAIN = "Run the command again; finished uploads and downloads are not repeated."
_CHECK_NETWORK = "Check the network and run the command again; finished uploads and downloads are not repeated."
_WRITE_TOKEN = "Use a token with the role write, of an account that may write to this repository."

# Problem and hint, by the HTTP status of the Hub's answer.
_STATUSES = {
    400: ("the Hub refuses the request", "Fix what the Hub's message names, and run the command again."),
    401: ("the access token is missing or invalid", _LOG_IN),
    403: ("the access token lacks permission", f"{_WRITE_TOKEN} {_LOG_IN}"),
    404: ("not found on the Hub", "Check the name."),
    409: ("the change conflicts with the state of the repository", _AGAIN),
    412: ("somebody else changed the repository at the same time", _AGAIN),
    429: ("too many requests", f"Wait a few minutes. {_AGAIN}"),
}


@contextmanager
def hub_errors(**place: str) -> Iterator[None]:
    """Turns exceptions of the Hub's clients in the block into cmcc.DataError. place: for instance the repository."""
    try:
        yield
    except (
        httpx2.HTTPError,
        EntryNotFoundError,
        HFValidationError,
        LocalTokenNotFoundError,
        OfflineModeIsEnabled,
    ) as error:
        raise explained(error, **place) from error
    except RuntimeError as error:  # an upload failed in a thread, where the cause says why, or in hf_xet
        if isinstance(error.__cause__, httpx2.HTTPError):
            raise explained(error.__cause__, **place) from error
        reason = printable(str(error).split("\n")[0])
        raise DataError(f"the transfer failed ({reason})", "", _CHECK_NETWORK, **place) from error
    except ValueError as error:  # the Hub's check of a card's metadata
        if isinstance(error, DataError) or "README.md" not in str(error):
            raise
        hint = "Fix README.md and run the command again."
        raise DataError(f"the Hub refuses the card: {error}", "", hint, **place) from error


def explained(error: Exception, **place: str) -> DataError:
    """The error as a message with a hint; it quotes neither headers nor tokens."""
    problem, hint = _problem_and_hint(error)
    return DataError(problem, "", hint, **place)


def _problem_and_hint(error: Exception) -> tuple[str, str]:
    if isinstance(error, GatedRepoError):
        return "the repository is gated and your account has no access", "Ask for access on its page."
    if isinstance(error, RepositoryNotFoundError):
        return "no such repository, or your account cannot see it", f"Check the name. {_LOG_IN}"
    if isinstance(error, RevisionNotFoundError):
        return "no such revision", "Name a branch, a tag or a commit, or leave --revision out for the newest state."
    if isinstance(error, LocalTokenNotFoundError):
        return "no access token", _LOG_IN
    if isinstance(error, OfflineModeIsEnabled):
        return "HF_HUB_OFFLINE is set, so the Hub cannot be reached", "Unset it and run the command again."
    if isinstance(error, HFValidationError):
        return str(error).splitlines()[0].rstrip("."), "Use an id such as ORGANIZATION/NAME."
    if isinstance(error, HfHubHTTPError):
        return _problem_of_status(error)
    if isinstance(error, LocalEntryNotFoundError) and isinstance(error.__cause__, Exception):
        return _problem_and_hint(error.__cause__)
    if isinstance(error, EntryNotFoundError):
        return "a file is missing in the repository, or there is no connection", _CHECK_NETWORK
    return f"cannot reach {constants.ENDPOINT} ({type(error).__name__})", _CHECK_NETWORK


def _problem_of_status(error: HfHubHTTPError) -> tuple[str, str]:
    status = error.response.status_code
    problem, hint = _STATUSES.get(status, ("the Hub reports an error", f"Try again later. {_AGAIN}"))
    message = f": {printable(error.server_message)}" if error.server_message else ""
    return f"{problem} (status {status}{message})", hint
