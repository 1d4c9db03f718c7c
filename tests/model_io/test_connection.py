"""The way to a server: what it makes of failures, how often it tries, and how it is stopped."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest

from model_io.connection import (
    BACK_OFF_LIMIT_SECONDS,
    RETRY_AFTER_LIMIT_SECONDS,
    Broken,
    Connection,
    explain,
    next_address,
    retry_after_seconds,
)
from model_io.progress import Cancelled, never_stop

HOME = httpx.URL("https://hub.test")


@pytest.fixture
def waits() -> list[float]:
    """The seconds that would have been waited."""
    return []


@pytest.fixture
def connection(waits: list[float]) -> Iterator[Connection]:
    """A connection that waits no time."""
    made = Connection(HOME, None, waits.append, never_stop)
    yield made
    made.close()


def chained(outer: Exception, root: Exception) -> Exception:
    """An error of httpx with its cause."""
    outer.__cause__ = root
    return outer


@pytest.mark.parametrize(
    ("error", "clause"),
    [
        (
            chained(httpx.ConnectError(""), socket.gaierror(-2, "")),
            "the address of hub.test can't be found",
        ),
        (chained(httpx.ConnectError(""), ConnectionRefusedError()), "refuses the connection"),
        (
            chained(httpx.ConnectError(""), ssl.SSLCertVerificationError()),
            "the certificate of hub.test isn't trusted here",
        ),
        (chained(httpx.ConnectError(""), ssl.SSLError()), "no encrypted connection"),
        (chained(httpx.ConnectError(""), OSError(101, "")), "there is no way to hub.test"),
        (chained(httpx.ConnectTimeout(""), TimeoutError()), "hub.test doesn't answer"),
        (chained(httpx.ReadTimeout(""), TimeoutError()), "has sent nothing for 60 seconds"),
        (httpx.ProxyError(""), "the proxy on the way to hub.test refuses"),
        (ConnectionResetError(), "the connection to hub.test broke off"),
    ],
)
def test_failures_are_told_in_words(error: Exception, clause: str) -> None:
    """No class of httpx and no number of the system reaches a person."""
    assert clause in explain(error, "hub.test")


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("/other", "https://hub.test/other"),
        ("https://store.test/x?y=z", "https://store.test/x?y=z"),
    ],
)
def test_redirects_are_followed(location: str, target: str) -> None:
    """Relative ones too."""
    assert next_address(HOME, location) == httpx.URL(target)


@pytest.mark.parametrize(
    "location", ["http://hub.test/", "file:///etc/passwd", "http://[", "https://a:b", "ftp://a/b"]
)
def test_unsafe_redirects_are_not_followed(location: str) -> None:
    """Encryption is never given up, and only the web is the web."""
    with pytest.raises(Broken, match="redirects to an"):
        next_address(HOME, location)


@pytest.mark.parametrize(
    "address", ["http://hub.test/", "https://hub.test:8443/", "https://store.hub.test/"]
)
def test_another_origin_is_not_home(address: str, connection: Connection) -> None:
    """Scheme, host and port decide who gets the token."""
    assert connection.is_home(httpx.URL("https://HUB.test:443/x"))
    assert not connection.is_home(httpx.URL(address))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7.0),
        ("999999999999", RETRY_AFTER_LIMIT_SECONDS),
        ("soon", None),
        ("", None),
        ("-5", None),
        ("Fri, 31 Dec 1999 23:59:59 GMT", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", RETRY_AFTER_LIMIT_SECONDS),
    ],
)
def test_retry_after_is_bounded(text: str, seconds: float | None) -> None:
    """Seconds or a date; what makes no sense counts as nothing."""
    assert retry_after_seconds(httpx.Response(429, headers={"Retry-After": text})) == seconds


def test_retry_after_may_be_a_date() -> None:
    """The date is held against the clock."""
    text = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    seconds = retry_after_seconds(httpx.Response(503, headers={"Retry-After": text}))
    assert seconds == pytest.approx(100, abs=5)


def failing(times: int, step: Callable[[], object] = lambda: None) -> Callable[[], str]:
    """An attempt that is Broken so many times; `step` happens each time."""
    left = iter(range(times))

    def attempt() -> str:
        if next(left, None) is None:
            return "done"
        step()
        raise Broken("it broke")

    return attempt


def test_waits_grow_to_a_limit(connection: Connection, waits: list[float]) -> None:
    """Twice as long each time, less up to a half by chance."""
    assert connection.persist(failing(7), lambda: 0) == "done"
    full = [2.0, 4.0, 8.0, 16.0, 32.0, BACK_OFF_LIMIT_SECONDS, BACK_OFF_LIMIT_SECONDS]
    assert all(most / 2 <= wait <= most for wait, most in zip(waits, full, strict=True))
    assert waits != full


def test_fruitless_attempts_are_counted(connection: Connection, waits: list[float]) -> None:
    """The eighth in a row is the last."""
    with pytest.raises(Broken):
        connection.persist(failing(100), lambda: 0)
    assert len(waits) == 7


def test_attempts_with_progress_are_not_counted(connection: Connection) -> None:
    """A line that breaks a hundred times but brings something each time gets there."""
    here: list[int] = []
    assert connection.persist(failing(100, lambda: here.append(1)), lambda: len(here)) == "done"


def test_the_first_of_a_row_may_need_no_wait(connection: Connection, waits: list[float]) -> None:
    """Another address is asked for at once; if that doesn't help, the hub is left in peace."""

    def attempt() -> None:
        raise Broken("expired", at_once=True, attempts=3)

    with pytest.raises(Broken):
        connection.persist(attempt, lambda: 0)
    assert len(waits) == 1


def test_work_is_done_on_another_thread(connection: Connection) -> None:
    """And its result and its failures come back."""
    assert connection.run(threading.current_thread) is not threading.current_thread()
    with pytest.raises(ZeroDivisionError):
        connection.run(lambda: 1 // 0)


@pytest.mark.parametrize("reason", [Cancelled, KeyboardInterrupt])
def test_a_stop_does_not_wait_for_what_hangs(reason: type[BaseException]) -> None:
    """The caller is free, and the thread that hung does nothing more."""
    release, ended = threading.Event(), threading.Event()

    def should_stop() -> bool:
        if reason is KeyboardInterrupt:
            raise KeyboardInterrupt
        return True

    connection = Connection(HOME, None, None, should_stop)

    def hang() -> None:
        release.wait()
        try:
            connection.check()
        except Cancelled:
            ended.set()

    with pytest.raises(reason):
        connection.run(hang)
    release.set()
    assert ended.wait(10)
    connection.close()
