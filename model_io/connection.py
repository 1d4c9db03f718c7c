"""The way to a server over HTTP: it can be stopped, tries again, and keeps secrets at home.

Knows redirects, attempts and waits, but neither files nor what a hub's answers mean.
"""

from __future__ import annotations

import errno
import random
import socket
import ssl
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any, TypeVar

import httpx

from model_io.errors import HubError, HubUnreachableError
from model_io.progress import Cancelled, StopCallback

ATTEMPTS = 8
"""So many in a row may bring nothing: with back-off and stalls, two to ten minutes."""

CONNECT_SECONDS = 10.0
STALL_SECONDS = 60.0
BACK_OFF_LIMIT_SECONDS = 60.0
RETRY_AFTER_LIMIT_SECONDS = 300.0
REDIRECTS = 5

_POLL_SECONDS = 0.1
_HANG_UP_SECONDS = 0.5
_SMALL_BYTES = 64 * 1024
_T = TypeVar("_T")


class Broken(Exception):
    """An attempt failed in a way that may heal; `str()` is a clause that says how.

    After `attempts` of them in a row it is to be told as `error`. `wait_seconds` is what the
    server asked for; with `at_once`, the first of a row needs no wait.
    """

    def __init__(
        self,
        reason: str,
        *,
        error: type[HubError] = HubUnreachableError,
        attempts: int = ATTEMPTS,
        wait_seconds: float | None = None,
        at_once: bool = False,
    ) -> None:
        """See the class."""
        super().__init__(reason)
        self.error = error
        self.attempts = attempts
        self.wait_seconds = wait_seconds
        self.at_once = at_once


class Connection:
    """The way to one server and where it redirects: it can be stopped, and keeps the token home.

    `token` goes to the origin of `home` only. Several threads may use one Connection.
    """

    def __init__(
        self,
        home: httpx.URL,
        token: str | None,
        wait: Callable[[float], object] | None,
        should_stop: StopCallback,
    ) -> None:
        """`wait` takes seconds; None waits as long as told but ends when it is stopped."""
        self._client = httpx.Client(
            headers={"user-agent": "octet", "accept-encoding": "identity"},
            timeout=httpx.Timeout(STALL_SECONDS, connect=CONNECT_SECONDS),
            verify=_trust(),
        )
        self.home = home
        self.token = token
        self._should_stop = should_stop
        self._cut = threading.Event()
        self._wait = wait or self._cut.wait
        self._lock = threading.Lock()
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()

    def close(self) -> None:
        """End all connections."""
        self._client.close()

    def run(self, work: Callable[[], _T]) -> _T:
        """Do `work` on a thread of its own and give its result, or raise what it raises.

        Names are looked up, connections made and answers awaited in calls that nothing can
        interrupt, so the calling thread waits apart and asks `should_stop`. A stop cuts all
        connections and raises Cancelled within a second, even if `work` still hangs; what hangs
        dies with the process or at its own timeout, and writes nothing any more.
        """
        job: Future[_T] = Future()
        thread = threading.Thread(target=_settle, args=(job, work), name="connection", daemon=True)
        thread.start()
        try:
            while thread.is_alive():
                if self._should_stop():
                    raise Cancelled
                thread.join(_POLL_SECONDS)
        finally:
            if thread.is_alive():
                self._hang_up()
                thread.join(_HANG_UP_SECONDS)
        return job.result()

    def check(self) -> None:
        """Raise Cancelled after a stop; for `work`, between its steps."""
        if self._cut.is_set():
            raise Cancelled

    def persist(
        self, attempt: Callable[[], _T], progress: Callable[[], int], attempts: int = ATTEMPTS
    ) -> _T:
        """What `attempt` gives, tried again whenever it is Broken, with growing waits between.

        Attempts count only while `progress` stays; the last one's Broken is raised.
        """
        fruitless = 0
        while True:
            before = progress()
            try:
                return attempt()
            except Broken as broken:
                fruitless = 0 if progress() > before else fruitless + 1
                if fruitless >= min(attempts, broken.attempts):
                    raise
                self._pause(broken, fruitless)

    def _pause(self, broken: Broken, fruitless: int) -> None:
        seconds = broken.wait_seconds
        if seconds is None:
            seconds = min(BACK_OFF_LIMIT_SECONDS, 2.0**fruitless) * random.uniform(0.5, 1)
        self.check()
        if not (broken.at_once and fruitless <= 1):
            self._wait(seconds)
        self.check()

    @contextmanager
    def get(self, url: httpx.URL, headers: Mapping[str, str]) -> Iterator[httpx.Response]:
        """The answer to GET at the end of all redirects, its body not yet read. Raises Broken."""
        for _ in range(REDIRECTS + 1):
            self.check()
            response = self._send(url, headers)
            try:
                if not response.has_redirect_location:
                    yield response
                    return
                url = next_address(response.url, response.headers["location"])
                self._read_away(response)
            finally:
                response.close()
        raise Broken(f"{self.home.host} redirects without end")

    def is_home(self, url: httpx.URL) -> bool:
        """Whether `url` is the server's own: scheme, host and port are the same."""
        home = self.home
        return (url.scheme, url.host, url.port) == (home.scheme, home.host, home.port)

    def _send(self, url: httpx.URL, headers: Mapping[str, str]) -> httpx.Response:
        secret = {}
        if self.token and self.is_home(url):
            secret["authorization"] = f"Bearer {self.token}"
        request = self._client.build_request(
            "GET", url, headers={**headers, **secret}, extensions={"trace": self._watch}
        )
        try:
            return self._client.send(request, stream=True)
        except (httpx.HTTPError, UnicodeError) as error:  # the latter for impossible names
            raise Broken(explain(error, url.host)) from error

    def _read_away(self, response: httpx.Response) -> None:
        """Read what nobody needs, so that the connection is used again."""
        if 0 < int(response.headers.get("content-length", 0)) <= _SMALL_BYTES:
            read_body(response, _SMALL_BYTES, self.check)

    def _watch(self, event: str, info: Mapping[str, Any]) -> None:
        """Remember each socket that httpx opens, to shut it down from outside."""
        if event in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            opened = info["return_value"].get_extra_info("socket")
            with self._lock:
                self._sockets.add(opened)
            if self._cut.is_set():
                _shut(opened)

    def _hang_up(self) -> None:
        self._cut.set()
        with self._lock:
            opened = list(self._sockets)
        for each in opened:
            _shut(each)


@cache
def _trust() -> ssl.SSLContext:
    """Whom httpx trusts, and whom this system does: a company's own authority stands there."""
    context = httpx.create_ssl_context()
    context.load_default_certs()
    return context


def _settle(job: Future[_T], work: Callable[[], _T]) -> None:
    try:
        job.set_result(work())
    except BaseException as error:  # noqa: BLE001  the thread's end: raised again by `run`
        job.set_exception(error)


def _shut(opened: socket.socket) -> None:
    with suppress(OSError):  # closed already
        socket.socket.shutdown(opened, socket.SHUT_RDWR)  # TLS's own would drop its state first


def next_address(url: httpx.URL, location: str) -> httpx.URL:
    """Where `location` sends from `url`. Raises Broken unless it is as safe as `url`."""
    try:
        target = url.join(location)
    except (httpx.InvalidURL, ValueError):
        target = httpx.URL("")
    if target.scheme not in ("http", "https") or not target.host:
        raise Broken(f"{url.host} redirects to an address that makes no sense")
    if (url.scheme, target.scheme) == ("https", "http"):
        raise Broken(f"{url.host} redirects to an unencrypted address", attempts=1)
    return target


def explain(error: Exception, host: str) -> str:
    """A clause for people: what kept httpx or a socket from talking to `host`."""
    match _find_root(error):
        case socket.gaierror() | UnicodeError():
            return f"the address of {host} can't be found"
        case ssl.SSLCertVerificationError():
            hint = "is the clock right, and does this network need SSL_CERT_FILE?"
            return f"the certificate of {host} isn't trusted here ({hint})"
        case ssl.SSLError():
            return f"no encrypted connection to {host} comes about"
        case ConnectionRefusedError():
            return f"{host} refuses the connection"
        case TimeoutError() if isinstance(error, httpx.ConnectTimeout):
            return f"{host} doesn't answer"
        case TimeoutError():
            return f"{host} has sent nothing for {STALL_SECONDS:.0f} seconds"
        case OSError(errno=errno.ENETUNREACH | errno.EHOSTUNREACH | errno.ENETDOWN):
            return f"there is no way to {host}"
    if isinstance(error, httpx.ProxyError):
        return f"the proxy on the way to {host} refuses"
    return f"the connection to {host} broke off"


def _find_root(error: BaseException) -> BaseException:
    """What the system said; httpcore hides it behind `from None`."""
    link: BaseException | None = error
    while link is not None:
        if isinstance(link, OSError | UnicodeError):
            return link
        link = link.__cause__ or link.__context__
    return error


def retry_after_seconds(response: httpx.Response) -> float | None:
    """What the header Retry-After asks for (seconds or a date, RFC 9110 10.2.3), within limits."""
    text = response.headers.get("retry-after", "").strip()[:40]
    try:
        if text.isdecimal():
            seconds = float(text)
        else:
            seconds = parsedate_to_datetime(text).timestamp() - time.time()
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(seconds, 0.0), RETRY_AFTER_LIMIT_SECONDS)


def read_body(response: httpx.Response, limit_bytes: int, check: Callable[[], None]) -> bytes:
    """The body as it came, not decoded. Raises Broken, also if it is longer than the limit."""
    body = bytearray()
    try:
        for piece in response.iter_raw():
            check()
            body += piece
            if len(body) > limit_bytes:
                raise Broken(f"{response.url.host} gives an endless answer", attempts=1)
    except httpx.HTTPError as error:
        raise Broken(explain(error, response.url.host)) from error
    return bytes(body)
