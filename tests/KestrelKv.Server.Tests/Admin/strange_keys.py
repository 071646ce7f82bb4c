"""Sends keys of every kind over HTTP with urllib. Argument: the address of the admin HTTP. Standard input: the keys as a JSON array."""
import json
import sys
import urllib.parse
import urllib.request

address = sys.argv[1]


def call(method, key, body=None):
    url = f"{address}v1/key?{urllib.parse.urlencode({'key': key})}"
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(request) as response:
        return response.status, response.read()


for number, key in enumerate(json.load(sys.stdin)):
    status, body = call("GET", key)
    assert (status, json.loads(body)) == (200, f"wire {number}"), (key, status, body)
    status, _ = call("PUT", key, json.dumps(f"urllib {number}").encode())
    assert status == 204, (key, status)
print("done")
