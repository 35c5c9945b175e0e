"""Downloads, from a server on this very machine."""

import hashlib
import http.server
import os
import socket
import subprocess
import sys
import threading
import time

import pytest

from rnnkit.datasets.download import STALE, ensure
from rnnkit.datasets.source import SourceFile
from rnnkit.errors import DownloadError

CONTENT = os.urandom(300_000)
DIGEST = hashlib.sha256(CONTENT).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked += 1
        if self.path == "/missing":
            self.send_error(404)
            return
        self.send_response(200)
        if self.path != "/unsized":
            self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT[:150_000])
        if self.path == "/slow":
            self.server.half_way.set()
            self.server.go_on.wait(60)
        if self.path != "/cut":
            self.wfile.write(CONTENT[150_000:])

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.asked, server.half_way, server.go_on = 0, threading.Event(), threading.Event()
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.go_on.set()
        server.shutdown()


def source(server, page, digest=DIGEST):
    return SourceFile("data.bin", f"http://127.0.0.1:{server.server_port}/{page}", digest, len(CONTENT))


@pytest.mark.parametrize("page", ["good", "unsized"])
def test_a_good_file_is_fetched_once(server, page, tmp_path):
    path = ensure(source(server, page), tmp_path / "new" / "folder")
    assert path.read_bytes() == CONTENT
    assert ensure(source(server, page), path.parent) == path
    assert server.asked == 1
    assert os.listdir(path.parent) == ["data.bin"]


@pytest.mark.parametrize(
    ("page", "named"),
    [("missing", "answered 404.*by hand"), ("cut", "stopped after 150000 of 300000 bytes.*by hand")],
)
def test_a_failed_download_leaves_nothing(server, page, named, tmp_path):
    with pytest.raises(DownloadError, match=named) as raised:
        ensure(source(server, page), tmp_path)
    assert str(tmp_path / "data.bin") in str(raised.value)
    assert os.listdir(tmp_path) == []


def test_a_wrong_digest_names_both_and_deletes_the_file(server, tmp_path):
    wrong = "0" * 64
    with pytest.raises(DownloadError, match=f"expected sha256 {wrong}, got {DIGEST}"):
        ensure(source(server, "good", wrong), tmp_path)
    assert os.listdir(tmp_path) == []


def test_a_file_put_there_by_hand_is_checked_and_never_deleted(server, tmp_path):
    (tmp_path / "data.bin").write_bytes(CONTENT)
    assert ensure(source(server, "missing"), tmp_path).read_bytes() == CONTENT
    (tmp_path / "data.bin").write_bytes(b"something else")
    with pytest.raises(DownloadError, match="leaves it as it is"):
        ensure(source(server, "good"), tmp_path)
    assert (tmp_path / "data.bin").read_bytes() == b"something else"
    assert server.asked == 0


def test_no_network(tmp_path):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    file = SourceFile("data.bin", f"http://127.0.0.1:{port}/data.bin", DIGEST, 1)
    with pytest.raises(DownloadError, match="cannot be reached.*by hand") as raised:
        ensure(file, tmp_path)
    assert str(tmp_path / "data.bin") in str(raised.value)


def test_a_cache_folder_that_cannot_be_written(tmp_path, server):
    (tmp_path / "file").write_text("no folder", encoding="utf-8")
    with pytest.raises(DownloadError, match="cannot be written to.*RNNKIT_DATA_DIR"):
        ensure(source(server, "good"), tmp_path / "file")


def test_a_disk_that_becomes_full_is_said_and_nothing_is_left(server, tmp_path, monkeypatch):
    def full(stream, out):
        out.write(stream.read(100))
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("rnnkit.datasets.download._copy", full)
    with pytest.raises(DownloadError, match="cannot be written to: .*No space left on device. Make room, or"):
        ensure(source(server, "good"), tmp_path)
    assert os.listdir(tmp_path) == []


def test_a_killed_download_leaves_nothing_half_done(server, tmp_path):
    file = source(server, "slow")
    code = "import sys, pathlib; from rnnkit.datasets.download import ensure; from rnnkit.datasets import SourceFile; "
    code += f"ensure({file!r}, pathlib.Path(sys.argv[1]))"
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stderr=subprocess.DEVNULL)
    assert server.half_way.wait(60)
    process.kill()
    process.wait()
    server.go_on.set()
    assert not (tmp_path / "data.bin").exists()
    for part in tmp_path.iterdir():  # as if it had happened long ago
        os.utime(part, (time.time() - 2 * STALE,) * 2)
    assert ensure(source(server, "good"), tmp_path).read_bytes() == CONTENT
    assert os.listdir(tmp_path) == ["data.bin"]


def test_a_server_that_never_ends_does_not_fill_the_disk(server, tmp_path, monkeypatch):
    monkeypatch.setattr("rnnkit.datasets.download.MOST", 100_000)
    with pytest.raises(DownloadError, match="it has more than 100000 bytes"):
        ensure(source(server, "unsized"), tmp_path)
    assert os.listdir(tmp_path) == []
