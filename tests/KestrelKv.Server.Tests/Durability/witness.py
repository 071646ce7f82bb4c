"""Remembers, outside of the server, what it was sent and what it has told, over crash after crash.

Arguments: a seed. Reads commands, a line each, and answers each:

    load WIRE_PORT ADMIN_PORT           "loading" once every connection has an acknowledgement, and "ended N" when none
                                        goes on, because the server is gone, or has refused N requests
    check WIRE_PORT ADMIN_PORT [GRACE]  "checked ..." where the server has what it must have, else it exits;
                                        what was told in the last GRACE seconds before the end may be lost
"""
import contextlib
import json
import pathlib
import sys
import time
from http.client import HTTPConnection

sys.path.append(str(pathlib.Path(__file__).parent.parent / "Wire"))

from kestrelkv_client import PATIENCE_SECONDS, Connection
from witness_calls import HOST, exchange, get_frame, value_shown
from witness_history import History, number_of
from witness_load import HttpLoad, WireLoad

CONNECTIONS = 4
KEYS = 40  # each

seed = int(sys.argv[1])
wires = [WireLoad(History([f"wire{i}.{key}" for key in range(KEYS)]), seed + i) for i in range(CONNECTIONS)]
http = HttpLoad(History([f"http.{key}" for key in range(KEYS)]), seed + CONNECTIONS)
loads = [*wires, http]
histories = [load.history for load in loads]


def tell(text):
    print(text, flush=True)


def raise_failures():
    for load in loads:
        if load.failure:
            raise load.failure


def load(wire_port, admin_port):
    for wire in wires:
        wire.start(wire_port, histories)
    http.start(admin_port)
    while any(load.thread.is_alive() and not load.history.acknowledgements for load in loads):
        time.sleep(0.01)
    tell("loading")
    for load in loads:
        load.thread.join()
    raise_failures()
    refusals = sum(load.refusals for load in loads)
    tell(f"ended {refusals}")
    for load in loads:
        load.refusals = 0


def check(wire_port, admin_port, grace=None):
    keys = [key for history in histories for key in history.keys]
    with Connection(wire_port, HOST) as connection:
        connection.socket.sendall(b"".join(map(get_frame, keys)))
        texts = {key: value_shown(key, connection.receive_body()) for key in keys}
    found = {key: text and number_of(key, text) for key, text in texts.items()}

    for history in histories:
        shown = max((load.shown.get(key, 0) for load in loads for key in history.keys), default=0)
        history.check({key: found[key] for key in history.keys}, shown, grace)
    check_versions(admin_port, found, grace)
    http.begin_with({key: found[key] for key in http.history.keys})
    for load in loads:
        load.shown.clear()
    tell(f"checked {sum(number is not None for number in found.values())} values")


def check_versions(admin_port, found, grace):
    """A value that was acknowledged with a version has it again, and the server's is no less than any it has told."""
    with contextlib.closing(HTTPConnection(HOST, admin_port, PATIENCE_SECONDS)) as connection:
        version = json.loads(exchange(connection, "GET", "/v1/stats")[2])["version"]
        assert version >= http.version, f"version {version} after {http.version} was told"
        http.version = version
        for key, (number, told) in http.versions.items():
            if found[key] != number:
                continue
            status, headers, _ = exchange(connection, "GET", f"/v1/keys/{key}")
            assert status == 200 and headers["etag"] == f'"{told}"', f"{key}: {status}, {headers}, told {told}"


for line in sys.stdin:
    command, *arguments = line.split()
    if command == "load":
        load(*map(int, arguments))
    else:
        check(*map(int, arguments[:2]), *map(float, arguments[2:]))
