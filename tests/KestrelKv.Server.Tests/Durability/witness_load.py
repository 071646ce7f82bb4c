"""Connections that write and read as fast as they can until the server is killed, and record its replies."""
import collections
import contextlib
import http.client
import random
import threading
import time

from kestrelkv_client import PATIENCE_SECONDS, Closed, Connection
from witness_calls import HOST, PUT_REPLY, error_of, exchange, get_frame, put_frame, value_shown
from witness_history import number_of, value_of

REFUSALS_MAX = 200  # A connection ends after this many refusals.


class Load:
    """One connection in its own thread."""

    def __init__(self, history, seed):
        self.history = history
        self.random = random.Random(seed)
        self.shown = {}  # By key: the highest write that a read has shown.
        self.refusals = 0
        self.failure = None

    def start(self, *arguments):
        self.thread = threading.Thread(target=self._run, args=arguments, daemon=True)
        self.thread.start()

    def _run(self, *arguments):
        try:
            self.run(*arguments)
        except TimeoutError as e:
            self.failure = AssertionError(f"no reply in time: {e}")
        except (Closed, EOFError, OSError, http.client.HTTPException):
            pass  # The server was killed.
        except Exception as e:
            self.failure = e
        self.history.ended_at = time.monotonic()

    @property
    def is_done(self):
        return self.refusals > REFUSALS_MAX


class WireLoad(Load):
    """Many requests in flight; every fourth is a GET of any key."""

    def run(self, port, histories):
        owners = {key: history for history in histories for key in history.keys}
        everything = list(owners)
        pending = collections.deque()
        with Connection(port, HOST) as connection:
            while not self.is_done:
                frames = []
                for _ in range(self.random.choice((1, 1, 4, 16, 64))):
                    if self.random.random() < 0.75:
                        key = self.random.choice(self.history.keys)
                        pending.append((self._take_put, key, self.history.intend(key)))
                        frames.append(put_frame(key, self.history.number))
                    else:
                        key = self.random.choice(everything)
                        pending.append((self._take_get, key, owners[key], owners[key].acknowledged_of.get(key)))
                        frames.append(get_frame(key))
                connection.socket.sendall(b"".join(frames))
                most = self.random.randrange(128)
                while len(pending) > most:
                    take, *arguments = pending.popleft()
                    take(connection.receive_body(), *arguments)

    def _take_put(self, body, key, number):
        if body == PUT_REPLY % key.encode():
            self.history.acknowledge(key, number)
        elif self._take_error(body) != "disk_failed":
            self.history.refuse(number)

    def _take_get(self, body, key, owner, acknowledged):
        if body.startswith(b'{"status": "ERROR"'):
            assert self._take_error(body) == "disk_failed", body
            return
        text = value_shown(key, body)
        if text is None:
            return
        number = number_of(key, text)
        assert owner.is_intended(key, number), f"{key} shows write {number}, which was not sent"
        assert number >= (acknowledged or 0), f"{key} shows write {number} after {acknowledged} was acknowledged"
        self.shown[key] = max(self.shown.get(key, 0), number)

    def _take_error(self, body):
        code = error_of(body)
        assert code in ("disk_full", "disk_failed"), body
        self.refusals += 1
        return code


class HttpLoad(Load):
    """One write at a time: puts and removals of values, with their versions."""

    def __init__(self, history, seed):
        super().__init__(history, seed)
        self.versions = {}  # By key: the number and the version of the last acknowledged value.
        self.version = 0
        self._existing = set()

    def begin_with(self, found):
        """Sets the state of the server, by key, as found by the last check."""
        self._existing = {key for key, number in found.items() if number is not None}

    def run(self, port):
        with contextlib.closing(http.client.HTTPConnection(HOST, port, PATIENCE_SECONDS)) as connection:
            while not self.is_done:
                key = self.random.choice(self.history.keys)
                remove = key in self._existing and self.random.random() < 0.3
                number = self.history.intend(key, not remove)
                body = None if remove else value_of(key, number)
                status, headers, _ = exchange(connection, "DELETE" if remove else "PUT", f"/v1/keys/{key}", body)
                if status in (503, 507):
                    self.refusals += 1
                    if status == 507:
                        self.history.refuse(number)
                    continue
                assert status == (204 if remove or key in self._existing else 201), (status, headers)
                self.history.acknowledge(key, number, not remove)
                if remove:
                    self._existing.discard(key)
                    continue
                self._existing.add(key)
                version = int(headers["etag"].strip('"'))
                assert version > self.version, f"version {version} after {self.version}"
                self.versions[key] = number, version
                self.version = version
