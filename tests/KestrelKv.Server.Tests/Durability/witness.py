"""Records all requests to a server and its replies, outside of the server, across any number of crashes.

Argument: a seed. Reads one command per line from standard input, and answers each:

    load WIRE_PORT ADMIN_PORT           "loading" once every connection has an acknowledgement; "ended N" after all
                                        connections have ended, because the server was killed or refused N requests
    check WIRE_PORT ADMIN_PORT [GRACE]  "checked ..." if the server has all data that it must have, otherwise it exits;
                                        writes reported in the last GRACE seconds before the end may be lost
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
KEYS = 40  # Per connection.

seed = int(sys.argv[1])
wires = [WireLoad(History([f"wire{i}.{key}" for key in range(KEYS)]), seed + i) for i in range(CONNECTIONS)]
http = HttpLoad(History([f"http.{key}" for key in range(KEYS)]), seed + CONNECTIONS)
loads = [*wires, http]
histories = [load.history for load in loads]


def send(text):
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
    send("loading")
    for load in loads:
        load.thread.join()
    raise_failures()
    refusals = sum(load.refusals for load in loads)
    send(f"ended {refusals}")
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
    send(f"checked {sum(number is not None for number in found.values())} values")


def check_versions(admin_port, found, grace):
    """Checks that a value acknowledged with a version still has it, and that the server's version is at least every reported one."""
    with contextlib.closing(HTTPConnection(HOST, admin_port, PATIENCE_SECONDS)) as connection:
        version = json.loads(exchange(connection, "GET", "/v1/stats")[2])["version"]
        assert version >= http.version, f"version {version} after version {http.version} was reported"
        http.version = version
        for key, (number, reported) in http.versions.items():
            if found[key] != number:
                continue
            status, headers, _ = exchange(connection, "GET", f"/v1/keys/{key}")
            assert status == 200 and headers["etag"] == f'"{reported}"', f"{key}: {status}, {headers}, reported {reported}"


for line in sys.stdin:
    command, *arguments = line.split()
    if command == "load":
        load(*map(int, arguments))
    else:
        check(*map(int, arguments[:2]), *map(float, arguments[2:]))
