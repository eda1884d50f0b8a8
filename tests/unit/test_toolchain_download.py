"""The download that is given up soon: against servers on this machine that misbehave."""

from __future__ import annotations

import importlib.util
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[2] / "toolchain/python/download.py"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("download", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "SILENCE", 0.5)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return module


@contextmanager
def served(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """One connection is read up to the request's end, answered and closed."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                request = b""
                while b"\r\n\r\n" not in request:
                    request += connection.recv(4096)
                answer(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/file"
        thread.join()


def send(connection: socket.socket, body: bytes, length: int) -> None:
    connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % length + body)


def test_a_whole_file_arrives(script: ModuleType, tmp_path: Path) -> None:
    target = tmp_path / "file"
    with served(lambda connection: send(connection, b"x" * 300_000, 300_000)) as address:
        assert script.download(address, target) == 300_000
    assert target.read_bytes() == b"x" * 300_000
    assert list(tmp_path.iterdir()) == [target]


def test_a_file_that_ends_early_is_no_file(script: ModuleType, tmp_path: Path) -> None:
    with (
        served(lambda connection: send(connection, b"xx", 3)) as address,
        pytest.raises(script.GivenUpError, match=r"ended after 2 of 3 bytes|IncompleteRead"),
    ):
        script.download(address, tmp_path / "file")
    assert list(tmp_path.iterdir()) == []


def test_silence_in_the_middle_is_not_waited_for(script: ModuleType, tmp_path: Path) -> None:
    over = threading.Event()

    def stall(connection: socket.socket) -> None:
        send(connection, b"xx", 3)
        over.wait(20)

    started = time.monotonic()
    with served(stall) as address:
        with pytest.raises(script.GivenUpError, match="timed out"):
            script.download(address, tmp_path / "file")
        over.set()
    assert time.monotonic() - started < 10


def test_a_trickle_is_given_up(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(script, "SLOW_AFTER", 0.3)
    monkeypatch.setattr(script, "CHUNK", 1)
    over = threading.Event()

    def trickle(connection: socket.socket) -> None:
        send(connection, b"", 1000)
        while not over.wait(0.1):
            connection.sendall(b"x")

    with served(trickle) as address:
        with pytest.raises(script.GivenUpError, match=r"too slow: \d+ kB/s"):
            script.download(address, tmp_path / "file")
        over.set()


def test_a_refusal_names_the_host(script: ModuleType, tmp_path: Path) -> None:
    refuse = b"HTTP/1.0 403 Forbidden\r\n\r\n"
    with (
        served(lambda connection: connection.sendall(refuse)) as address,
        pytest.raises(script.GivenUpError, match=r"127\.0\.0\.1: .*Forbidden"),
    ):
        script.download(address, tmp_path / "file")


def test_a_name_that_nobody_answers_for_is_not_waited_for(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = threading.Event()

    def never(*_: object) -> None:
        over.wait(20)

    monkeypatch.setattr(script.socket, "getaddrinfo", never)
    started = time.monotonic()
    with pytest.raises(script.GivenUpError, match=r"example\.invalid: no answer from the name"):
        script.download("https://example.invalid/file", tmp_path / "file")
    over.set()
    assert time.monotonic() - started < 5


def test_only_https_is_fetched(
    script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert script.main(["http://127.0.0.1:1/file", str(tmp_path / "file")]) == 1
    assert "only https" in capsys.readouterr().err
