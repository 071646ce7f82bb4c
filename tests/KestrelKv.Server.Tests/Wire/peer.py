"""Connects to an address, makes two calls, and prints each reply, or "closed". Arguments: the host, the port."""
import json
import sys

from kestrelkv_client import Closed, Connection, get

with Connection(int(sys.argv[2]), sys.argv[1]) as connection:
    print(json.dumps(connection.call(get("a"))))
    try:
        print(json.dumps(connection.call(get("a"))))
    except (Closed, ConnectionResetError, BrokenPipeError):
        print("closed")
