"""An old client: connects, makes one call, closes. Arguments: the port, the number of calls."""
import socket
import struct
import sys


def receive(connection, length):
    data = b""
    while len(data) < length:
        piece = connection.recv(length - len(data))
        if not piece:
            raise EOFError(f"{len(data)} of {length} bytes")
        data += piece
    return data


def call(port, body):
    connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    connection.connect(("127.0.0.1", port))
    connection.send(struct.pack("ii", 1, len(body)) + body)
    version, length = struct.unpack("ii", receive(connection, 8))
    reply = receive(connection, length)
    connection.close()
    assert version == 1, version
    return reply


port, count = int(sys.argv[1]), int(sys.argv[2])
for i in range(count // 2):
    key = b"old %d" % (i % 100)
    put = call(port, b'{"func": "PUT", "params": {"obj": "%s", "val": %d}}' % (key, i))
    assert put == b'{"status": "OK", "response": {"func": "PUT", "response": {"obj": "%s", "response": "ok"}}}' % key, put
    get = call(port, b'{"func": "GET", "params": {"obj": "%s"}}' % key)
    assert get == b'{"status": "OK", "response": {"func": "GET", "response": {"obj": "%s", "val": %d}}}' % (key, i), get
print(f"{count} calls")
