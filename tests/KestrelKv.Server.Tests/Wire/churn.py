"""Opens and closes connections in every way while one client streams. Arguments: the port, the number of connections."""
import socket
import struct
import sys
import threading

from kestrelkv_client import Connection, call_once, frame, get, get_reply, put, put_reply

port, count = int(sys.argv[1]), int(sys.argv[2])
STREAM_AHEAD = 200

stop = threading.Event()
streamed = 0
failures = []


def stream():
    """Keeps requests in flight, and checks every reply."""
    global streamed
    try:
        with Connection(port) as connection:
            sent = 0
            while not stop.is_set() or streamed < sent:
                while not stop.is_set() and sent < streamed + STREAM_AHEAD:
                    connection.send(put("stream", sent), get("stream"))
                    sent += 1
                put_got, get_got = connection.receive(), connection.receive()
                # This client is the only writer of the key, so every GET returns the value of the PUT before it.
                assert put_got == put_reply("stream"), put_got
                assert get_got == get_reply("stream", streamed), (get_got, streamed)
                streamed += 1
    except Exception as e:
        failures.append(e)


streamer = threading.Thread(target=stream)
streamer.start()
for i in range(count):
    if i % 4 == 0:  # No request.
        Connection(port).close()
    elif i % 4 == 1:  # One call.
        assert call_once(port, put(f"churn {i}", i)) == put_reply(f"churn {i}")
    elif i % 4 == 2:  # Closed in the middle of a request.
        with Connection(port) as connection:
            connection.socket.sendall(frame(get("a"))[:20])
    else:  # Reset in the middle of a reply.
        with Connection(port) as connection:
            connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.send(get("stream"))
    if not streamer.is_alive():
        break
stop.set()
streamer.join()
assert not failures, failures
for i in range(1, count, 4):
    assert call_once(port, get(f"churn {i}")) == get_reply(f"churn {i}", i)
print(f"{count} connections opened and closed while {streamed} pairs of requests were streamed")
