"""How workers find each other before TensorFlow waits for them without an end."""

import contextlib
import ipaddress
import json
import socket
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from rnnkit.errors import ArgumentError, DeviceError

if TYPE_CHECKING:
    from rnnkit.workers import Cluster

LONGEST = 1 << 20  # bytes of what a worker tells the others
AGAIN = 0.05  # seconds until a worker that was not there is called again


def meet(cluster: "Cluster", same: Mapping[str, Any], patience: float) -> None:
    """Waits until all workers are there and each knows it, and compares what has to be the same.

    Raises:
        ArgumentError: another worker differs in it, an address is public, or this one's port is in use.
        DeviceError: a worker that was not there in time.
    """
    _check_private(cluster)
    meeting = _Meeting(cluster, {"workers": list(cluster.addresses), **same})
    until = time.monotonic() + patience
    with meeting.listening():
        for done in (meeting.found, meeting.ready):
            while missing := [number for number in cluster.others if number not in done]:
                if time.monotonic() > until:
                    names = " and ".join(f"worker {each} ({cluster.addresses[each]})" for each in missing[:3])
                    more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
                    raise DeviceError(
                        f"workers: {names}{more} could not be reached in {patience:g} s. Start all of them, each with "
                        "its own number, and see that they can reach each other."
                    )
                meeting.call(number for number in missing if number < cluster.worker)
                time.sleep(AGAIN)
            meeting.compare()
            meeting.complete = True


class _Meeting:
    """Workers that look for each other: each calls those before it, and answers those after it.

    Attributes:
        found: what each of the others said.
        ready: those that had found all others when this one had, and were told so.
        complete: whether this one has found all others.
    """

    def __init__(self, cluster: "Cluster", message: dict[str, Any]):
        self.cluster = cluster
        self.message = json.loads(json.dumps(message, default=str))
        self.found: dict[int, dict[str, Any]] = {}
        self.ready: set[int] = set()
        self.complete = self.over = False

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Within, whoever calls is answered."""
        port = self.cluster.places[self.cluster.worker][1]
        family: dict[str, Any] = {}
        if socket.has_dualstack_ipv6():
            family = {"family": socket.AF_INET6, "dualstack_ipv6": True}
        try:
            server = socket.create_server(("", port), backlog=128, **family)
        except OSError as error:
            raise ArgumentError(
                f"workers: port {port} of this machine cannot be used ({error.strerror}). Name another one."
            ) from error
        server.settimeout(0.2)
        thread = threading.Thread(target=self._answer, args=(server,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            self.over = True
            thread.join()
            server.close()

    def call(self, numbers: Iterable[int]) -> None:
        """Calls other workers; those that do not answer are called again the next time."""
        for number in numbers:
            place = self.cluster.places[number]
            with contextlib.suppress(OSError, ValueError), socket.create_connection(place, timeout=1.0) as line:
                told = self._send(line)
                self._note(self._take(line), told)

    def compare(self) -> None:
        """Sees that all said the same."""
        for number, message in sorted(self.found.items()):
            names = [each for each in {**self.message, **message} if message.get(each) != self.message.get(each)]
            if names:
                told = ", ".join(
                    f"{name} ({_short(message.get(name))}, here {_short(self.message.get(name))})" for name in names
                )
                address = self.cluster.addresses[number]
                raise ArgumentError(f"worker: worker {number} ({address}) differs in {told}. Start all of them alike.")

    def _answer(self, server: socket.socket) -> None:
        while not self.over:
            with contextlib.suppress(OSError, ValueError):
                line, _ = server.accept()
                with line:
                    line.settimeout(2.0)
                    heard = self._take(line)
                    self._note(heard, self._send(line))

    def _send(self, line: socket.socket) -> bool:
        complete = self.complete
        told = {"worker": self.cluster.worker, "complete": complete, "message": self.message}
        line.sendall(json.dumps(told).encode() + b"\n")
        return complete

    def _take(self, line: socket.socket) -> dict[str, Any]:
        with line.makefile("rb") as file:
            heard = json.loads(file.readline(LONGEST))
        if not isinstance(heard, dict) or not isinstance(heard.get("message"), dict):
            raise ValueError("this is no worker")
        return heard

    def _note(self, heard: dict[str, Any], told: bool) -> None:
        if heard.get("worker") in self.cluster.others:
            self.found[heard["worker"]] = heard["message"]
            if told and heard.get("complete"):
                self.ready.add(heard["worker"])


def _check_private(cluster: "Cluster") -> None:
    for address, (host, port) in zip(cluster.addresses, cluster.places, strict=True):
        with contextlib.suppress(OSError):  # a name that is not known is that of a worker that is missing
            found = {ipaddress.ip_address(str(each[4][0]).partition("%")[0]) for each in socket.getaddrinfo(host, port)}
            if not cluster.public and any(each.is_global for each in found):
                raise ArgumentError(
                    f"workers: {address} can be reached from outside, and TensorFlow's server runs what anybody sends. "
                    "Use addresses of a private network, or allow them where a firewall guards them: public=True, in "
                    "the shell --public.",
                )


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
