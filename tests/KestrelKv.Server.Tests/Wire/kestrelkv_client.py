"""A client of the KestrelKv wire protocol. It uses only the standard library.

    | version: int, 1 | length: int | body: `length` bytes of UTF-8 JSON |

The header is packed in native byte order, as clients on little-endian machines do.
"""
import json
import socket
import struct

VERSION = 1
HEADER = struct.Struct("ii")
PATIENCE_SECONDS = 60


def frame(body):
    """Returns the frame of a request, given as a dict or as the bytes of its body."""
    if isinstance(body, dict):
        body = json.dumps(body).encode()
    return HEADER.pack(VERSION, len(body)) + body


def put(key, value):
    return {"func": "PUT", "params": {"obj": key, "val": value}}


def get(key):
    return {"func": "GET", "params": {"obj": key}}


def put_reply(key):
    return {"status": "OK", "response": {"func": "PUT", "response": {"obj": key, "response": "ok"}}}


def get_reply(key, value):
    return {"status": "OK", "response": {"func": "GET", "response": {"obj": key, "val": value}}}


def unknown_reply(function):
    return {"status": "OK", "response": {"func": function, "response": "ERROR - Function doesn't exist"}}


class Closed(Exception):
    """The server closed the connection between two replies."""


class Connection:
    """A persistent connection. The default host is the machine's own host name."""

    def __init__(self, port, host=None):
        self.socket = socket.create_connection((host or socket.gethostname(), port), PATIENCE_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._stream = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._stream.close()
        self.socket.close()

    def send(self, *requests):
        self.socket.sendall(b"".join(map(frame, requests)))

    def receive_body(self):
        """Returns the bytes of the next reply's body."""
        header = self._stream.read(HEADER.size)
        if not header:
            raise Closed
        version, length = HEADER.unpack(header)
        if version != VERSION:
            raise ValueError(f"the reply has version {version}")
        body = self._stream.read(length)
        if len(body) != length:
            raise EOFError(f"the reply has {len(body)} bytes instead of {length}")
        return body

    def receive(self):
        return json.loads(self.receive_body())

    def call(self, request):
        self.send(request)
        return self.receive()


def call_once(port, request):
    """Makes one call on a new connection."""
    with Connection(port) as connection:
        return connection.call(request)
