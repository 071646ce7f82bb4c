"""The requests of the witness, and the parsing of their replies."""
import json

from kestrelkv_client import HEADER, frame
from witness_history import value_of

HOST = "127.0.0.1"
GET_REPLY = b'{"status": "OK", "response": {"func": "GET", "response": {"obj": "%s", "val": '
PUT_REPLY = b'{"status": "OK", "response": {"func": "PUT", "response": {"obj": "%s", "response": "ok"}}}'


def put_frame(key, number):
    body = b'{"func": "PUT", "params": {"obj": "%s", "val": %s}}' % (key.encode(), value_of(key, number))
    return HEADER.pack(1, len(body)) + body


def get_frame(key):
    return frame({"func": "GET", "params": {"obj": key}})


def value_shown(key, body):
    """Returns the text of the value in the reply to a GET; None for null."""
    start = GET_REPLY % key.encode()
    assert body.startswith(start) and body.endswith(b"}}}"), body[:200]
    text = body[len(start):-3]
    return None if text == b"null" else text


def error_of(body):
    """Returns the code of an error reply."""
    return json.loads(body)["error"]["code"]


def exchange(connection, method, target, body=None):
    """Sends a request on a persistent connection of http.client and returns the response."""
    connection.request(method, target, body)
    response = connection.getresponse()
    return response.status, response.headers, response.read()
