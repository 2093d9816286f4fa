"""Fetching, against a server on this machine that can be told to misbehave."""

import hashlib
import http.server
import threading
from dataclasses import dataclass, field

import pytest

from steadygan.data.fetch import directory_of, fetch, is_fetched
from steadygan.data.known import KnownFile, KnownSet
from steadygan.errors import DataError

CONTENT = bytes(range(256)) * 1000  # 256,000 bytes, four blocks


@dataclass
class Server:
    """What a server holds and how it behaves.

    Attributes:
        files: path -> content.
        cut_after: closes the connection after so many bytes of each answer; None never.
        ranges: whether it can send a part of a file.
        asked: the Range header of each request, None where there was none.
    """

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    cut_after: int | None = None
    ranges: bool = True
    asked: list[str | None] = field(default_factory=list)


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    state = Server(files={"/a.bin": CONTENT})

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            wanted = self.headers["Range"]
            state.asked.append(wanted)
            content = state.files.get(self.path)
            if content is None:
                self.send_error(404, "Not Found")
                return
            start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and state.ranges else 0
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
            self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            self.wfile.write(content[start:][: state.cut_after])

        def log_message(self, *arguments):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        state.url = f"http://127.0.0.1:{running.server_port}"
        yield state
        running.shutdown()
        thread.join()


def known_set(*urls: str, content: bytes = CONTENT, name: str = "a.bin") -> KnownSet:
    md5, sha256 = hashlib.md5(content).hexdigest(), hashlib.sha256(content).hexdigest()
    return KnownSet("toy", "Toy", "", "", 1, (1, 1, 1), (), (KnownFile(name, len(content), md5, sha256, urls),))


def test_a_file_is_fetched_once(server):
    known, seen = known_set(f"{server.url}/a.bin"), []
    assert not is_fetched(known)
    directory = fetch(known, lambda *numbers: seen.append(numbers))
    assert (directory / "a.bin").read_bytes() == CONTENT
    assert [file.name for file in directory.iterdir()] == ["a.bin"]
    assert is_fetched(known)
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    fetch(known, lambda *numbers: seen.append(numbers))
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert len(seen) == 6  # four blocks, the end, and once for what is there already
    assert server.asked == [None]


def test_a_cut_is_gone_on_with_and_what_arrived_is_kept(server):
    known = known_set(f"{server.url}/a.bin")
    server.cut_after = 100_000
    with pytest.raises(DataError) as caught:
        fetch(known)
    assert "cannot fetch a.bin (0.3 MB)" in caught.value.problem
    assert "has 200,000 bytes instead of 256,000" in caught.value.problem
    assert caught.value.hint.startswith("run it again to go on after the 0.2 MB already here, or download the file by hand to ")
    assert server.asked == [None, "bytes=100000-"]  # two rounds, the second goes on where the first was cut
    assert not is_fetched(known)
    server.cut_after = None
    assert (fetch(known) / "a.bin").read_bytes() == CONTENT
    assert server.asked[2:] == ["bytes=200000-"]


def test_a_server_without_ranges_starts_anew(server):
    known = known_set(f"{server.url}/a.bin")
    directory = directory_of(known)
    directory.mkdir(parents=True)
    (directory / "a.bin.part").write_bytes(b"x" * 1000)
    server.ranges = False
    assert (fetch(known) / "a.bin").read_bytes() == CONTENT
    assert server.asked == ["bytes=1000-"]


def test_rubbish_in_the_part_is_thrown_away(server):
    known = known_set(f"{server.url}/a.bin")
    directory = directory_of(known)
    directory.mkdir(parents=True)
    (directory / "a.bin.part").write_bytes(b"x" * 1000)
    assert (fetch(known) / "a.bin").read_bytes() == CONTENT
    assert server.asked == ["bytes=1000-", None]


def test_the_second_address_is_tried(server):
    assert is_fetched(known_set()) is False
    fetch(known_set(f"{server.url}/none.bin", f"{server.url}/a.bin"))
    assert is_fetched(known_set())


def test_a_wrong_checksum_leaves_nothing(server):
    server.files["/a.bin"] = CONTENT[:-1] + b"?"
    known = known_set(f"{server.url}/a.bin")
    with pytest.raises(DataError, match=r"has the md5 checksum [0-9a-f]{32} instead of [0-9a-f]{32}; check the network"):
        fetch(known)
    assert list(directory_of(known).iterdir()) == []


@pytest.mark.parametrize("algorithm", ["md5", "sha256"])
def test_both_checksums_count(server, algorithm):
    (file,) = known_set(f"{server.url}/a.bin").files
    wrong = KnownFile(**{**vars(file), algorithm: "0" * 32})
    with pytest.raises(DataError, match=f"has the {algorithm} checksum"):
        fetch(KnownSet("toy", "", "", "", 1, (1, 1, 1), (), (wrong,)))


def test_a_server_that_never_stops_is_left(server):
    known = known_set(f"{server.url}/a.bin", content=CONTENT[:1000])
    with pytest.raises(DataError, match="has 65,536 bytes instead of 1,000"):
        fetch(known)
    assert list(directory_of(known).iterdir()) == []


def test_a_missing_file_is_told(server):
    with pytest.raises(DataError, match=r"http://127.0.0.1:\d+/none.bin: the server answers 404 Not Found"):
        fetch(known_set(f"{server.url}/none.bin"))


def test_no_network_is_told_with_the_address_and_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with pytest.raises(DataError) as caught:
        fetch(known_set("http://127.0.0.1:9/a.bin"))  # the discard port, where nothing listens
    assert caught.value.problem == "toy: cannot fetch a.bin (0.3 MB): http://127.0.0.1:9/a.bin: Connection refused"
    path = tmp_path / "cache" / "toy" / "a.bin"
    assert caught.value.hint == f"check the network and run it again, or download the file by hand to {path}"


def test_a_file_put_there_by_hand_is_checked(tmp_path):
    known = known_set("http://127.0.0.1:9/a.bin")
    directory = tmp_path / "cache" / "toy"
    directory.mkdir(parents=True)
    (directory / "a.bin").write_bytes(CONTENT)
    assert fetch(known) == directory
    (directory / "a.bin").write_bytes(CONTENT[:-1])
    with pytest.raises(DataError, match=r"toy/a.bin: has 255,999 bytes instead of 256,000; delete it"):
        fetch(known)


def test_a_cache_that_cannot_be_written_is_told(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("STEADYGAN_DATA", str(tmp_path / "file" / "cache"))
    with pytest.raises(DataError, match=r"cannot be created: .*; set STEADYGAN_DATA to a directory you can write"):
        fetch(known_set())


def test_asking_what_is_there_makes_nothing(tmp_path):
    assert not is_fetched(known_set("http://127.0.0.1:9/a.bin"))
    assert not (tmp_path / "cache").exists()
