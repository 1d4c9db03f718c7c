"""What a hub tells of a model, who gets the token, and what is made of refusals and nonsense."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import model_io.hub
from model_io.errors import HubAccessError, HubError, HubMissingError, HubUnreachableError
from model_io.hub import PIECE_LIMIT_BYTES, Hub, HubFile, is_safe_path
from model_io.hub_name import parse_source
from tests.hub_server import API, Cut, FakeHub, Headers, Status

WEIGHTS = bytes(range(256)) * 20
FILES = {"config.json": b"{}\n", "model.safetensors": WEIGHTS, "a/tokenizer.model": b"words"}
TOKEN = "hf_secret"


@pytest.fixture(autouse=True)
def nothing_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No token of the person who runs the tests, and no thread afterwards."""
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.delenv("HF_ENDPOINT", raising=False)
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


def look_up(fake: FakeHub, **options: Any) -> model_io.hub.Repository:  # noqa: ANN401
    """Look the fake's model up without waiting for anything."""
    with Hub(fake.endpoint, wait=lambda _: None, **options) as hub:
        return hub.look_up(fake.name)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("hub:mistralai/Mixtral-8x7B-v0.1", ("mistralai/Mixtral-8x7B-v0.1", "main")),
        ("hub:a/b@eba92302", ("a/b", "eba92302")),
        ("hub:a/b_c@refs/pr/1", ("a/b_c", "refs/pr/1")),
    ],
)
def test_sources_are_parsed(text: str, parts: tuple[str, str]) -> None:
    """Name and revision, "main" if none is named."""
    assert parse_source(text) == parts


@pytest.mark.parametrize(
    "text",
    [
        "", "hub:", "a/b", "hub:a", "hub:a/b/c", "hub:a/b@", "hub:a/b@x y", "hub:a/..", "hub:../b",
        "hub:a/b@../x", "hub:a/b?x", "hub:a/b\n", "hub:/b", "hub:a/b@main\n", "hub:ä/b",
    ],
)  # fmt: skip
def test_malformed_sources_are_refused(text: str) -> None:
    """With the form that is right; nothing of it ever gets into an address."""
    with pytest.raises(HubError, match=r"write it as hub:owner/name or hub:owner/name@revision\."):
        parse_source(text)


def test_a_model_is_looked_up() -> None:
    """Sizes and hashes: large files by sha256, small ones by git's own."""
    with FakeHub(FILES) as fake:
        found = look_up(fake)
        assert (found.name, found.revision, found.commit) == (fake.name, "main", fake.commit)
        weights, config = fake.files["model.safetensors"], fake.files["config.json"]
        assert set(found.files) == set(FILES)
        assert found.files["model.safetensors"].sha256 == weights.sha256
        assert found.files["config.json"] == HubFile("config.json", 3, None, config.git_oid)


def test_the_revision_is_one_part_of_the_address() -> None:
    """Its slashes don't lead elsewhere."""
    with FakeHub(FILES) as fake, Hub(fake.endpoint) as hub:
        with pytest.raises(HubMissingError, match=r"has no revision refs/pr/1; name a branch"):
            hub.look_up(fake.name, "refs/pr/1")
        assert fake.requests[0].path.endswith("/revision/refs%2Fpr%2F1?blobs=true")


def test_files_come_from_the_commit_that_was_found() -> None:
    """Whatever "main" is by then."""
    with FakeHub(FILES) as fake, Hub(fake.endpoint) as hub:
        hub.read_range(hub.look_up(fake.name), "config.json", 0, 3)
        assert f"/resolve/{fake.commit}/config.json" in fake.requests[-1].path


def test_the_token_stays_at_home(tmp_path: Path) -> None:
    """The hub gets it with every request, the store with none."""
    with FakeHub(FILES, token=TOKEN) as fake, Hub(fake.endpoint, TOKEN) as hub:
        hub.fetch(hub.look_up(fake.name), "model.safetensors", tmp_path)
        sent = [request.headers.get("authorization") for request in fake.asked("hub")]
        assert sent == [f"Bearer {TOKEN}"] * 2
        assert len(fake.asked("store")) == 1
        assert "authorization" not in fake.asked("store")[0].headers


def test_the_environment_names_hub_and_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """HF_ENDPOINT and HF_TOKEN, as for every other program that asks the hub."""
    with FakeHub(FILES, token=TOKEN) as fake:
        monkeypatch.setenv("HF_ENDPOINT", fake.endpoint + "/")
        monkeypatch.setenv("HF_TOKEN", f" {TOKEN}\n")
        with Hub() as hub:
            assert hub.look_up(fake.name).commit == fake.commit


def test_no_token_may_be_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty one is not looked for elsewhere."""
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    with FakeHub(FILES) as fake:
        look_up(fake, token="")
        assert "authorization" not in fake.requests[0].headers


@pytest.mark.parametrize(
    "text", ["huggingface.co", "ftp://hub", "https://", "http://a?b", "http://a:b", "x y"]
)
def test_a_wrong_endpoint_is_told(text: str) -> None:
    """Before anything is asked."""
    with pytest.raises(HubError, match="which is no web address; set it to an address like"):
        Hub(text)


def test_a_wrong_token_is_never_shown() -> None:
    """It may be a good one with a stray character."""
    with pytest.raises(HubAccessError, match="copy it again") as caught:
        Hub("http://localhost", "hf_sec ret")
    assert "ret" not in str(caught.value)


def test_conditions_have_to_be_accepted() -> None:
    """The sentence says where, and how the hub then knows."""
    with FakeHub(FILES, token=TOKEN, is_gated=True) as fake, Hub(fake.endpoint) as hub:
        found = hub.look_up(fake.name)
        with pytest.raises(HubAccessError) as caught:
            hub.read_range(found, "config.json", 0, 3)
    page = f"{fake.endpoint}/{fake.name}"
    assert str(caught.value) == (
        f"hub:{fake.name} config.json is only for those who have accepted its conditions; "
        f"accept them on {page}, then set HF_TOKEN to a token of your account."
    )


def test_an_account_that_has_accepted_nothing() -> None:
    """The token is good but opens nothing."""
    refusal = Status(403, {"X-Error-Code": "GatedRepo"}, at="hub")
    with FakeHub(FILES, token=TOKEN) as fake, Hub(fake.endpoint, TOKEN) as hub:
        fake.fail("model.safetensors", refusal)
        with pytest.raises(HubAccessError, match="isn't open to the account that HF_TOKEN"):
            hub.read_range(hub.look_up(fake.name), "model.safetensors", 0, 3)


def test_a_refusal_without_a_reason() -> None:
    """The model's page may say more."""
    with FakeHub(FILES) as fake, Hub(fake.endpoint) as hub:
        fake.fail("model.safetensors", Status(403, at="hub"))
        with pytest.raises(HubAccessError, match=f"is not open to you; look at {fake.endpoint}/"):
            hub.read_range(hub.look_up(fake.name), "model.safetensors", 0, 3)


def test_a_token_that_the_hub_does_not_know() -> None:
    """Not the same as a model that isn't there."""
    with FakeHub(FILES, token=TOKEN) as fake:
        with pytest.raises(HubAccessError, match="set it to a valid one or remove it"):
            look_up(fake, token="hf_other")
        assert len(fake.requests) == 1


@pytest.mark.parametrize("token", [None, TOKEN])
def test_a_model_that_is_not_there(token: str | None) -> None:
    """The real hub says 401 to strangers and 404 to those it knows."""
    with FakeHub(FILES, token=token) as fake, Hub(fake.endpoint, token) as hub:
        with pytest.raises(HubMissingError, match="is not on the hub"):
            hub.look_up("toys/Other")
        assert len(fake.requests) == 1


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """Neither in the description, nor at the hub although it is described."""
    vanished = Status(404, {"X-Error-Code": "EntryNotFound"}, at="hub")
    with FakeHub(FILES) as fake, Hub(fake.endpoint) as hub:
        found = hub.look_up(fake.name)
        fake.fail("config.json", vanished)
        for name in ("other.json", "config.json"):
            with pytest.raises(HubMissingError, match=f"{name} is not on the hub; check the name"):
                hub.fetch(found, name, tmp_path)
    assert not list(tmp_path.iterdir())


def put(key: str, value: object) -> Callable[[dict[str, Any]], object]:
    """Change the description of the model."""
    return lambda told: told.update({key: value})


def put_file(key: str, value: object, *, at: int = 1) -> Callable[[dict[str, Any]], object]:
    """Change the description of the large file, or of the small one at 0."""
    return lambda told: told["siblings"][at].update({key: value})


@pytest.mark.parametrize(
    "change",
    [
        put("sha", "main"), put("sha", None), put("siblings", None), put("siblings", {"a": 1}),
        put("siblings", ["a"]), put_file("size", -1, at=0), put_file("size", "7", at=0),
        put_file("size", True, at=0), put_file("size", 2**60, at=0), put_file("size", 2.0, at=0),
        put_file("size", None, at=0), put_file("size", 1), put_file("blobId", "../"),
        put_file("rfilename", 7), put_file("lfs", []), put_file("lfs", {"size": 5120}),
        put_file("lfs", {"size": 5120, "sha256": "0" * 63}),
        put_file("lfs", {"size": 5120, "sha256": 1}), put_file("lfs", {"size": 1}),
    ],
)  # fmt: skip
def test_a_description_that_makes_no_sense(change: Callable[[dict[str, Any]], object]) -> None:
    """Nothing of it is used."""
    told = pytest.raises(HubUnreachableError, match="doesn't speak like the hub; check HF_END")
    with FakeHub(FILES, change=change) as fake, told:
        look_up(fake)


def test_the_other_descriptions_are_sound() -> None:
    """What the changes above start from."""
    with FakeHub(FILES, change=put_file("size", len(WEIGHTS))) as fake:
        assert look_up(fake).files["model.safetensors"].size_bytes == len(WEIGHTS) == 5120


@pytest.mark.parametrize("body", [b"<html>Log in", b"[]", b"[" * 10**5, b'"\xff"', b""])
def test_an_answer_that_is_no_description(body: bytes) -> None:
    """What a network says that wants you to log in first."""
    with FakeHub(FILES) as fake:
        fake.fail(API, Status(200, body=body))
        with pytest.raises(HubUnreachableError, match="wants you to log in first"):
            look_up(fake)


def test_an_endless_description(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read only to a limit, and not asked for again."""
    monkeypatch.setattr(model_io.hub, "_ANSWER_LIMIT_BYTES", 1000)
    with FakeHub(FILES) as fake:
        fake.fail(API, Status(200, body=bytes(1001)))
        with pytest.raises(HubUnreachableError, match="gives an endless answer"):
            look_up(fake)
        assert len(fake.requests) == 1


def test_a_compressed_description_is_not_unpacked() -> None:
    """Else a few bytes could become gigabytes; none was asked for."""
    with FakeHub(FILES) as fake:
        fake.fail(API, Headers({"Content-Encoding": "gzip"}))
        assert look_up(fake).commit == fake.commit
        assert fake.requests[0].headers["accept-encoding"] == "identity"


UNSAFE = [
    "/etc/passwd", "../x", "a/../../x", "a//b", "a/", ".", "", "a\\b", "C:x", "a:b", "a\0b", "a\nb",
    "a/.. /b", "a.", "a /b", "\ud800", "x" * 1001,
]  # fmt: skip


@pytest.mark.parametrize("path", UNSAFE)
def test_unsafe_names_are_left_out(path: str) -> None:
    """The rest of the model may be fine all the same."""
    with FakeHub(FILES, change=put_file("rfilename", path)) as fake:
        assert set(look_up(fake).files) == {"config.json", "a/tokenizer.model"}


@pytest.mark.parametrize("path", ["a", "a/b.c", ".gitattributes", "ä b/c-d_e", "1.5/x..y"])
def test_ordinary_names_are_safe(path: str) -> None:
    """Spaces and accents included."""
    assert is_safe_path(path)


def test_unsafe_names_are_not_fetched(tmp_path: Path) -> None:
    """Not even if somebody else made the description."""
    with FakeHub(FILES) as fake, Hub(fake.endpoint) as hub:
        found = hub.look_up(fake.name)
        evil = model_io.hub.Repository(
            found.name, "main", found.commit, {"../x": found.files["config.json"]}
        )
        with pytest.raises(HubMissingError, match="has no usable name"):
            hub.fetch(evil, "../x", tmp_path / "inside")
    assert not list(tmp_path.iterdir())


def test_a_renamed_model_is_found() -> None:
    """The hub redirects to itself, and still gets the token."""
    with FakeHub(FILES, token=TOKEN) as fake:
        other = f"/api/models/{fake.name}/revision/main?blobs=true"
        fake.fail(API, Status(307, {"Location": other}))
        assert look_up(fake, token=TOKEN).commit == fake.commit
        assert fake.requests[1].headers["authorization"] == f"Bearer {TOKEN}"


def test_endless_redirects() -> None:
    """Five are enough; then it counts as a failure, and four of those too."""
    with FakeHub(FILES) as fake:
        fake.fail(API, *[Status(302, {"Location": "?"})] * 100)
        with pytest.raises(HubUnreachableError, match="localhost redirects without end"):
            look_up(fake)
        assert len(fake.requests) == 4 * 6


def test_nobody_listens() -> None:
    """What happened, what to do; after four attempts, since somebody waits."""
    waits: list[float] = []
    with FakeHub(FILES) as fake:
        pass
    with Hub(fake.endpoint, wait=waits.append) as hub, pytest.raises(HubUnreachableError) as caught:
        hub.look_up("a/b")
    assert str(caught.value) == (
        "hub:a/b can't be looked up: localhost refuses the connection; "
        "check the connection to the internet and run the same again."
    )
    assert len(waits) == 3


def test_no_address_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """As without a network."""

    def fail(*_: object) -> None:
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    told = pytest.raises(HubUnreachableError, match=r"the address of hub\.test can't be found")
    with Hub("http://hub.test", wait=lambda _: None) as hub, told:
        hub.look_up("a/b")
    told = pytest.raises(HubUnreachableError, match=r"the address of a\.\.b can't be found")
    with Hub("http://a..b", wait=lambda _: None) as hub, told:
        hub.look_up("a/b")


def test_no_encryption_comes_about() -> None:
    """The other side doesn't speak TLS."""
    with FakeHub(FILES) as fake:
        endpoint = fake.endpoint.replace("http:", "https:")
        told = pytest.raises(HubUnreachableError, match="no encrypted connection to localhost")
        with Hub(endpoint, wait=lambda _: None) as hub, told:
            hub.look_up("a/b")


def test_a_busy_hub_is_asked_again() -> None:
    """A cut answer and a pause that it asks for are nothing to tell of."""
    waits: list[float] = []
    with FakeHub(FILES) as fake, Hub(fake.endpoint, wait=waits.append) as hub:
        fake.fail(API, Status(503, {"Retry-After": "7"}), Cut(10), Status(500))
        assert hub.look_up(fake.name).commit == fake.commit
    assert waits[0] == 7
    assert len(waits) == 3


def test_another_status_is_told() -> None:
    """What no attempt would change ends at once."""
    with FakeHub(FILES) as fake:
        fake.fail(API, Status(451))
        with pytest.raises(HubUnreachableError, match=r"localhost answers 451; check HF_ENDPOINT"):
            look_up(fake)
        assert len(fake.requests) == 1


@pytest.mark.parametrize(("start", "size"), [(0, 8), (8, 1000), (5000, 120), (5120, 0)])
def test_pieces_are_read(start: int, size: int) -> None:
    """Exactly the bytes that were asked for, and no more travel."""
    with FakeHub(FILES) as fake, Hub(fake.endpoint) as hub:
        found = hub.look_up(fake.name)
        piece = hub.read_range(found, "model.safetensors", start, size)
        assert piece == WEIGHTS[start : start + size]
        ranges = [request.headers["range"] for request in fake.asked("store")]
        assert ranges == [f"bytes={start}-{start + size - 1}"][: size > 0]


def test_a_piece_goes_on_after_a_cut() -> None:
    """What came is not asked for again."""
    with FakeHub(FILES) as fake, Hub(fake.endpoint, wait=lambda _: None) as hub:
        fake.fail("model.safetensors", Cut(100))
        piece = hub.read_range(hub.look_up(fake.name), "model.safetensors", 1000, 500)
        assert piece == WEIGHTS[1000:1500]
        assert fake.asked("store")[1].headers["range"] == "bytes=1100-1499"


def test_a_piece_that_does_not_come() -> None:
    """Nothing of it is kept, and nothing is said to be."""
    with FakeHub(FILES) as fake, Hub(fake.endpoint, wait=lambda _: None) as hub:
        fake.fail("model.safetensors", *[Status(500)] * 8)
        found = hub.look_up(fake.name)
        told = r"model.safetensors can't be fetched: 127.0.0.1 has a problem .*; run the same again"
        with pytest.raises(HubUnreachableError, match=told):
            hub.read_range(found, "model.safetensors", 0, 8)


def test_pieces_share_their_connections() -> None:
    """A model has dozens of headers, and each connection costs some round trips."""
    with FakeHub({"model.safetensors": bytes(500_000)}) as fake, Hub(fake.endpoint) as hub:
        found = hub.look_up(fake.name)
        for start in range(5):
            hub.read_range(found, "model.safetensors", start, 400_000)
        assert len({request.port for request in fake.asked("hub")}) == 1
        assert len({request.port for request in fake.asked("store")}) == 1


def test_pieces_lie_within_the_file() -> None:
    """Anything else is the caller's mistake, and a whole file is no piece."""
    with FakeHub(FILES) as fake, Hub(fake.endpoint) as hub:
        found = hub.look_up(fake.name)
        for start, size in ((-1, 2), (5000, 121), (0, -1)):
            with pytest.raises(ValueError, match="has no"):
                hub.read_range(found, "model.safetensors", start, size)
        big = HubFile("big", 2 * PIECE_LIMIT_BYTES, "0" * 64, "0" * 40)
        repository = model_io.hub.Repository("a/b", "main", "0" * 40, {"big": big})
        with pytest.raises(ValueError, match="no piece but a download"):
            hub.read_range(repository, "big", 0, PIECE_LIMIT_BYTES + 1)
