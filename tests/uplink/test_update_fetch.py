"""Taking a file from a real HTTPS server that cuts, lies, drips, and points elsewhere."""

import random
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.config import UpdateConfig
from agent.uplink.fetch import Fetch, FetchBroken, FetchRefused, address_of

from .https import Answer, Https, certificate, serving

CONTENT = random.Random(1).randbytes(300_000)
SIZE = len(CONTENT)


@dataclass
class Memory:
    """A file in memory. Implements `agent.uplink.fetch.Sink`."""

    held: bytearray = field(default_factory=bytearray)
    validator: str = ""

    @property
    def size(self) -> int:
        return len(self.held)

    def restart(self) -> None:
        self.held.clear()

    def take(self, more: bytes) -> None:
        self.held += more
        assert len(self.held) <= SIZE, "nothing beyond the announced size is ever taken"


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("papers")
    certificate(folder)
    certificate(folder, "stranger")
    certificate(folder, "elsewhere", "127.0.0.9")
    return folder


@pytest.fixture
def server(papers: Path) -> Iterator[Https]:
    with serving(CONTENT, papers / "server.pem") as started:
        yield started


def fetch(server: Https, papers: Path, timeout_s: float = 5.0, **more: object) -> Fetch:
    told = {"hosts": (server.host,), "ca": papers / "server.pem", "timeout_s": timeout_s, **more}
    return Fetch(UpdateConfig.model_validate(told))


def test_a_file_is_taken(server: Https, papers: Path) -> None:
    sink = Memory()
    fetch(server, papers).attempt(server.url, SIZE, sink)
    assert (bytes(sink.held), sink.validator) == (CONTENT, '"one"')
    (asked,) = server.asked
    assert asked.path == "/models/new.okng?secret=xyzzy"
    assert "Range" not in asked.headers


def test_after_a_cut_only_the_rest_is_asked_for(server: Https, papers: Path) -> None:
    """FIELD 15: a download goes on where it broke off."""
    server.answers = [Answer(cut_after=100_000), Answer(cut_after=50_000), Answer()]
    sink = Memory()
    one = fetch(server, papers)
    for held in (100_000, 150_000):
        with pytest.raises(FetchBroken, match=f"broke off after {held} of {SIZE} bytes"):
            one.attempt(server.url, SIZE, sink)
    one.attempt(server.url, SIZE, sink)
    assert bytes(sink.held) == CONTENT
    assert [a.headers.get("Range", "") for a in server.asked] == ["", "bytes=100000-", "bytes=150000-"]
    assert [a.headers.get("If-Range", "") for a in server.asked] == ["", '"one"', '"one"']
    assert sum(a.sent for a in server.asked) == SIZE


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(0, 120_000), max_size=5), ranges=st.booleans(), unsaid=st.booleans())
def test_whatever_is_cut_the_file_is_the_servers(
    server: Https, papers: Path, cuts: list[int], ranges: bool, unsaid: bool
) -> None:
    server.asked.clear()
    server.answers = [Answer(cut_after=cut, ranges=ranges) for cut in cuts]
    server.answers.append(Answer(ranges=ranges, headers={"Content-Length": ""} if unsaid else {}))
    sink, one = Memory(), fetch(server, papers)
    for _ in range(len(cuts) + 1):
        try:
            one.attempt(server.url, SIZE, sink)
        except FetchBroken:
            continue
        break
    assert bytes(sink.held) == CONTENT
    if ranges:
        assert sum(a.sent for a in server.asked) == SIZE, "not a byte came twice"


def test_a_file_that_changed_in_between_is_taken_from_its_start(server: Https, papers: Path) -> None:
    server.answers = [Answer(cut_after=100_000, body=bytes(SIZE), etag='"old"')]
    sink, one = Memory(), fetch(server, papers)
    with pytest.raises(FetchBroken):
        one.attempt(server.url, SIZE, sink)
    one.attempt(server.url, SIZE, sink)
    assert bytes(sink.held) == CONTENT
    assert server.asked[-1].headers["If-Range"] == '"old"'


LIES = {
    "larger": (Answer(body=CONTENT + b"x"), f"{SIZE} bytes are missing of the {SIZE} .* it sends {SIZE + 1}"),
    "smaller": (Answer(body=CONTENT[:-1]), f"it sends {SIZE - 1}"),
    "endless": (Answer(headers={"Content-Length": ""}, extra=b"x" * 100), "sends more than the 300000 bytes"),
    "encoded": (Answer(headers={"Content-Encoding": "gzip"}), "it is encoded: gzip"),
    "not there": (Answer(status=404), "404 Not Found"),
    "not for us": (Answer(status=403), "403 Forbidden"),
    "nowhere": (Answer(status=302), "does not say where"),
    "to http": (Answer(status=302, headers={"Location": "http://127.0.0.1/x"}), "https://HOST/PATH is allowed"),
    "to a stranger": (Answer(status=302, headers={"Location": "https://evil.example/x"}), "evil.example:443 is not"),
    "to another port": (
        Answer(status=307, headers={"Location": "https://127.0.0.1/x"}),
        "127.0.0.1:443 is not allowed",
    ),
    "with a user": (Answer(status=301, headers={"Location": "https://a:b@127.0.0.1/x"}), "without a user"),
    "a range unasked": (Answer(status=206), "206 Partial Content"),
}


@pytest.mark.parametrize("lie", LIES)
def test_what_is_not_as_announced_is_refused(server: Https, papers: Path, lie: str) -> None:
    """FIELD 15: nothing but what was announced is taken, from nobody but who is allowed."""
    answer, words = LIES[lie]
    server.answers = [answer]
    sink = Memory()
    with pytest.raises(FetchRefused, match=words) as refused:
        fetch(server, papers).attempt(server.url, SIZE, sink)
    assert "xyzzy" not in str(refused.value), "what may be a password is not shown"
    assert sink.size <= SIZE
    assert len(server.asked) == 1


def test_a_range_that_was_not_asked_for_is_refused(server: Https, papers: Path) -> None:
    server.answers = [Answer(headers={"Content-Range": f"bytes 0-{SIZE - 1}/{SIZE}"})]
    with pytest.raises(FetchRefused, match="asked for bytes 10 to 299999 of 300000, it sends 'bytes 0-"):
        fetch(server, papers).attempt(server.url, SIZE, Memory(bytearray(CONTENT[:10])))


def test_redirections_within_the_allowed_are_followed_and_end(server: Https, papers: Path) -> None:
    server.answers = [Answer(status=302, headers={"Location": "../other/y.okng"})]
    sink = Memory()
    fetch(server, papers).attempt(server.url, SIZE, sink)
    assert bytes(sink.held) == CONTENT
    assert server.asked[-1].path == "/other/y.okng"
    server.answers = [Answer(status=302, headers={"Location": "/again"})] * 9
    with pytest.raises(FetchRefused, match="more than 5 redirections"):
        fetch(server, papers).attempt(server.url, SIZE, Memory())


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_a_server_in_trouble_is_asked_again(server: Https, papers: Path, status: int) -> None:
    server.answers = [Answer(status=status)]
    with pytest.raises(FetchBroken, match=str(status)):
        fetch(server, papers).attempt(server.url, SIZE, Memory())


def test_a_file_that_shrank_is_begun_anew(server: Https, papers: Path) -> None:
    server.answers = [Answer(status=416)]
    sink, one = Memory(bytearray(b"old")), fetch(server, papers)
    with pytest.raises(FetchBroken, match="another one now"):
        one.attempt(server.url, SIZE, sink)
    one.attempt(server.url, SIZE, sink)
    assert bytes(sink.held) == CONTENT


def test_a_head_that_never_ends_is_hung_up(server: Https, papers: Path) -> None:
    server.answers = [Answer(drip_head=True)]
    with pytest.raises(FetchBroken):
        fetch(server, papers, 0.3).attempt(server.url, SIZE, Memory())


def test_a_body_that_drips_is_hung_up_and_what_came_is_kept(server: Https, papers: Path) -> None:
    server.answers = [Answer(piece=10, pause_s=0.02)]
    sink, one = Memory(), fetch(server, papers, 0.4, slowest_b_s=100_000)
    with pytest.raises(FetchBroken, match="slower than 100000 bytes a second"):
        one.attempt(server.url, SIZE, sink)
    assert 0 < sink.size < SIZE
    one.attempt(server.url, SIZE, sink)
    assert bytes(sink.held) == CONTENT


def test_a_body_that_stops_is_given_up(server: Https, papers: Path) -> None:
    server.answers = [Answer(piece=1000, pause_s=30)]
    with pytest.raises(FetchBroken, match="no answer in time"):
        fetch(server, papers, 0.3).attempt(server.url, SIZE, Memory())


def test_a_port_that_never_shakes_hands_is_given_up(server: Https, papers: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        host = f"127.0.0.1:{mute.getsockname()[1]}"
        with pytest.raises(FetchBroken):
            fetch(server, papers, 0.3, hosts=(host,)).attempt(f"https://{host}/x", SIZE, Memory())


def test_nobody_there(server: Https, papers: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{closed.getsockname()[1]}"
        with pytest.raises(FetchBroken, match="refused"):
            fetch(server, papers, hosts=(host,)).attempt(f"https://{host}/x", SIZE, Memory())


def test_only_a_certificate_that_is_trusted_and_fits_is_talked_to(server: Https, papers: Path) -> None:
    for ca in (papers / "stranger.pem", None):
        with pytest.raises(FetchRefused, match=r"certificate is not trusted.*uplink\.update\.ca"):
            fetch(server, papers, ca=ca).attempt(server.url, SIZE, Memory())
    assert server.asked == []
    with serving(CONTENT, papers / "elsewhere.pem") as other:
        with pytest.raises(FetchRefused, match=r"certificate is not trusted: .*127\.0\.0\.1"):
            fetch(other, papers, ca=papers / "elsewhere.pem").attempt(other.url, SIZE, Memory())
        assert other.asked == []
    with pytest.raises(FetchRefused, match=r"uplink\.update\.ca .*nothing\.pem cannot be read"):
        fetch(server, papers, ca=papers / "nothing.pem").attempt(server.url, SIZE, Memory())


def test_a_stop_ends_an_attempt_that_waits(server: Https, papers: Path) -> None:
    server.answers = [Answer(piece=1000, pause_s=60)]
    one, sink = fetch(server, papers, 100.0), Memory()
    stopper = threading.Timer(0.5, one.stop)
    stopper.start()
    with pytest.raises(FetchBroken):
        one.attempt(server.url, SIZE, sink)
    stopper.join()


def test_no_more_than_the_rate_is_taken(server: Https, papers: Path) -> None:
    began = time.monotonic()
    fetch(server, papers, rate_kb_s=500).attempt(server.url, SIZE, Memory())
    assert time.monotonic() - began > 0.5  # 300 kB at 500 kB/s


@pytest.mark.parametrize(
    "url",
    ["http://h/x", "https:///x", "https://u@h/x", "https://h:99999/x", "https://[::1/x", "ftp://h/x", "https://h/a b"]
    + ["https://h\n.evil/x", "//h/x", "", "https://h.evil/x", "https://evil/h", "https://h:444/x", "https://ĥ/x"],
)
def test_addresses_that_are_refused(url: str) -> None:
    with pytest.raises(FetchRefused):
        address_of(url, ("h",))


@given(st.text(max_size=80))
def test_no_text_is_an_address_unless_its_host_is_allowed(text: str) -> None:
    for url in (text, f"https://{text}", f"https://h{text}"):
        try:
            there = address_of(url, ("h", "g:8443"))
        except FetchRefused:
            continue
        assert (there.host, there.port) in (("h", 443), ("g", 8443))
        assert there.target.startswith(("/", "?"))


def test_an_address_that_is_allowed() -> None:
    there = address_of("https://G:8443/a/b?sig=1", ("h", "g:8443"))
    assert (there.host, there.port, there.target, there.shown) == ("g", 8443, "/a/b?sig=1", "https://g:8443/a/b")
