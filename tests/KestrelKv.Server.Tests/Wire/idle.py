"""Opens many connections at once and makes calls on each. Arguments: the port, the number of connections.

Prints a line after all calls, waits for a line on standard input, and closes the connections.
"""
import resource
import sys

from kestrelkv_client import Connection, get, get_reply, put, put_reply

port, count = int(sys.argv[1]), int(sys.argv[2])

_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

# All addresses of 127.0.0.0/8 are this machine. Several addresses have more ports than one.
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
