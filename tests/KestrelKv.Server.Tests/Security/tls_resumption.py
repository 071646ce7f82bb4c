"""Reports whether a second connection resumes the session of the first. Arguments: the port, the file with the root certificate."""
import socket
import ssl
import sys

port, root = int(sys.argv[1]), sys.argv[2]
context = ssl.create_default_context(cafile=root)
body = b'{"func": "PING", "params": {}}'
session, resumed = None, []
for _ in range(2):
    with socket.create_connection(("127.0.0.1", port)) as plain:
        with context.wrap_socket(plain, server_hostname="localhost", session=session) as connection:
            connection.sendall(b"\x01\0\0\0" + len(body).to_bytes(4, "little") + body)
            assert connection.recv(1000)
            session = connection.session
            resumed.append(connection.session_reused)
print("resumed:", ", ".join(map(str, resumed)))
