"""Many connections open at once, each served a call. Arguments: the port, how many.

Prints a line when all are open and served, waits for a line, and closes them.
"""
import resource
import sys

from kestrelkv_client import Connection, get, get_reply, put, put_reply

port, count = int(sys.argv[1]), int(sys.argv[2])

_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

# Any address of 127.0.0.0/8 is this machine; several have more ports between them than one.
connections = [Connection(port, f"127.0.0.{1 + i % 4}") for i in range(count)]
for i, connection in enumerate(connections):
    connection.send(put(f"idle {i}", i))
for i, connection in enumerate(connections):
    assert connection.receive() == put_reply(f"idle {i}"), i
for i, connection in enumerate(connections):
    connection.send(get(f"idle {count - 1 - i}"))
for i, connection in enumerate(connections):
    assert connection.receive() == get_reply(f"idle {count - 1 - i}", count - 1 - i), i

print(f"{count} connections served", flush=True)
sys.stdin.readline()
for connection in connections:
    connection.close()
