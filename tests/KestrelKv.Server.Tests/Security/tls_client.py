"""The old client over TLS: connects, makes one call, closes. Arguments: the port, the file with the root certificate."""
import json
import socket
import ssl
import struct
import sys

port, root = int(sys.argv[1]), sys.argv[2]
context = ssl.create_default_context(cafile=root)


def receive(connection, length):
    data = b""
    while len(data) < length:
        piece = connection.recv(length - len(data))
        if not piece:
            raise EOFError(f"{len(data)} of {length} bytes")
        data += piece
    return data


def call(request):
    body = json.dumps(request).encode()
    with socket.create_connection(("127.0.0.1", port)) as plain:
        with context.wrap_socket(plain, server_hostname="localhost") as connection:
            connection.sendall(struct.pack("<ii", 1, len(body)) + body)
            version, length = struct.unpack("<ii", receive(connection, 8))
            assert version == 1, version
            return json.loads(receive(connection, length))["response"]["response"]


for i in range(100):
    assert call({"func": "PUT", "params": {"obj": "old", "val": i}}) == {"obj": "old", "response": "ok"}
    assert call({"func": "GET", "params": {"obj": "old"}}) == {"obj": "old", "val": i}
print("200 calls")
