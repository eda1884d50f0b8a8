"""Fetch one file over HTTPS and give up soon where that leads nowhere.

Used by toolchain/ensure before it falls back to a build, so the question is not "will this ever
arrive" but "will this arrive before a build is done". Standard library only: it runs before
anything is installed.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

SILENCE = 4.0
"""Seconds that a connect, or a read in the middle, may take."""

SLOW_AFTER = 15.0
"""Seconds after which the average speed is judged."""

SLOW = 250_000
"""Bytes per second below which a build is the quicker way: 140 MB in nine minutes."""

CHUNK = 1 << 18


class GivenUpError(Exception):
    """The download is not worth waiting for; the text says why."""


def check_name(address: str) -> None:
    """Resolve the address's host within SILENCE seconds.

    A resolver that does not answer would hold the connect for half a minute, whatever its
    time-out. With a proxy set it is the proxy that resolves, so nothing is checked.

    Raises:
        GivenUpError: The name does not resolve, or not in time.
    """
    parts = urllib.parse.urlsplit(address)
    if parts.hostname is None or urllib.request.getproxies().get(parts.scheme):
        return
    failure: list[str] = []
    host, port = parts.hostname, parts.port or 443

    def resolve() -> None:
        try:
            socket.getaddrinfo(host, port)
        except OSError as error:
            failure.append(f"{host}: {error.strerror or error}")

    resolver = threading.Thread(target=resolve, daemon=True)
    resolver.start()
    resolver.join(SILENCE)
    if resolver.is_alive():
        msg = f"{host}: no answer from the name server within {SILENCE:.0f} s"
        raise GivenUpError(msg)
    if failure:
        raise GivenUpError(failure[0])


def download(address: str, target: Path) -> int:
    """Fetch address into target, which appears whole or not at all; return its size in bytes.

    Raises:
        GivenUpError: It cannot be reached, stalls, is slower than SLOW, or ends early.
    """
    check_name(address)
    partial = target.with_name(target.name + ".part")
    size = 0
    try:
        with (
            urllib.request.urlopen(address, timeout=SILENCE) as answer,  # noqa: S310 (see main)
            partial.open("wb") as file,
        ):
            expected = answer.headers.get("Content-Length")
            started = time.monotonic()
            while chunk := answer.read(CHUNK):
                file.write(chunk)
                size += len(chunk)
                seconds = time.monotonic() - started
                if seconds > SLOW_AFTER and size / seconds < SLOW:
                    msg = f"too slow: {size / seconds / 1000:.0f} kB/s"
                    raise GivenUpError(msg)
        if expected is not None and size != int(expected):
            msg = f"ended after {size} of {expected} bytes"
            raise GivenUpError(msg)
    except (OSError, urllib.error.URLError) as error:
        reason = getattr(error, "reason", None) or error
        msg = f"{urllib.parse.urlsplit(address).hostname}: {reason}"
        raise GivenUpError(msg) from error
    else:
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    return size


def main(arguments: list[str]) -> int:
    """Run as `download.py ADDRESS FILE`; exit status 1 with one line on standard error if not."""
    address, target = arguments
    if not address.startswith("https://"):
        print(f"{address}: only https is fetched", file=sys.stderr)
        return 1
    try:
        size = download(address, Path(target))
    except GivenUpError as error:
        print(error, file=sys.stderr)
        # A resolver thread may still hang in the C library and would delay a normal exit.
        sys.stderr.flush()
        os._exit(1)
    print(f"{size} bytes", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
