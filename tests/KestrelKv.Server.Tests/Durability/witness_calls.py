"""What the witness sends, and what it makes of the replies."""
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
    """The text of the value in the reply to a GET; None for null."""
    start = GET_REPLY % key.encode()
    assert body.startswith(start) and body.endswith(b"}}}"), body[:200]
    text = body[len(start):-3]
    return None if text == b"null" else text


def error_of(body):
    """The code of an error's reply."""
    return json.loads(body)["error"]["code"]


def exchange(connection, method, target, body=None):
    """A request and its response on a kept connection of http.client."""
    connection.request(method, target, body)
    response = connection.getresponse()
    return response.status, response.headers, response.read()
