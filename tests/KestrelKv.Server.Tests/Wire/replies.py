"""Compares whole replies, with one call per connection and on a persistent connection. Argument: the port."""
import json
import sys
import unittest

from kestrelkv_client import Connection, call_once, get, get_reply, put, put_reply, unknown_reply

PORT = int(sys.argv.pop(1))

KEYS = ["plain", "with space", "a/b", "\u00fcml\u00e4ut", "\U0001f600", "\u0000", "\"quoted\"\\", "line\nbreak", "\u2028", "x" * 4096]


class OneCallPerConnection(unittest.TestCase):
    def test_put_then_get(self):
        self.assertEqual(call_once(PORT, put("one", {"a": [1, 2.5, None, True]})), put_reply("one"))
        self.assertEqual(call_once(PORT, get("one")), get_reply("one", {"a": [1, 2.5, None, True]}))

    def test_put_again_replaces(self):
        self.assertEqual(call_once(PORT, put("again", 1)), put_reply("again"))
        self.assertEqual(call_once(PORT, put("again", "two")), put_reply("again"))
        self.assertEqual(call_once(PORT, get("again")), get_reply("again", "two"))

    def test_get_of_a_missing_key_is_null(self):
        self.assertEqual(call_once(PORT, get("missing")), get_reply("missing", None))

    def test_unknown_function(self):
        for function in ["REMOVE", "get", "GET ", "", "\u00fcml\u00e4ut", "\u0000", "F" * 10_000]:
            with self.subTest(function=function[:10]):
                self.assertEqual(call_once(PORT, {"func": function, "params": {"obj": "a"}}), unknown_reply(function))

    def test_unknown_function_may_have_any_parameters(self):
        for params in [{}, {"any": 1}, [], None, 5, "text"]:
            with self.subTest(params=params):
                self.assertEqual(call_once(PORT, {"func": "F", "params": params}), unknown_reply("F"))
        self.assertEqual(call_once(PORT, {"func": "F"}), unknown_reply("F"))

    def test_a_hundred_connections_in_sequence(self):
        for i in range(100):
            self.assertEqual(call_once(PORT, put(f"turn {i}", i)), put_reply(f"turn {i}"))
        for i in range(100):
            self.assertEqual(call_once(PORT, get(f"turn {i}")), get_reply(f"turn {i}", i))


class PersistentConnection(unittest.TestCase):
    def setUp(self):
        self.connection = Connection(PORT)
        self.addCleanup(self.connection.close)

    def test_many_calls(self):
        for i in range(1_000):
            self.assertEqual(self.connection.call(put(f"kept {i}", [i])), put_reply(f"kept {i}"))
            self.assertEqual(self.connection.call(get(f"kept {i}")), get_reply(f"kept {i}", [i]))

    def test_keys_of_every_kind(self):
        for key in KEYS:
            with self.subTest(key=key[:10]):
                self.assertEqual(self.connection.call(put(key, f"of {key}")), put_reply(key))
        for key in KEYS:
            with self.subTest(key=key[:10]):
                self.assertEqual(self.connection.call(get(key)), get_reply(key, f"of {key}"))

    def test_escapes_do_not_change_a_key(self):
        self.connection.send(rb'{"func": "PUT", "params": {"obj": "\u0061\/\u00e9", "val": "found"}}')
        self.assertEqual(self.connection.receive(), put_reply("a/\u00e9"))
        self.connection.send('{"func": "GET", "params": {"obj": "a/\u00e9"}}'.encode())
        self.assertEqual(self.connection.receive(), get_reply("a/\u00e9", "found"))

    def test_members_in_any_order_and_spacing(self):
        self.connection.send(b' {\n\t"params" :{ "val": [ 1 ] ,"obj":"order"},"func":"PUT"\r\n} ')
        self.assertEqual(self.connection.receive(), put_reply("order"))
        self.assertEqual(self.connection.call(get("order")), get_reply("order", [1]))

    def test_replies_are_formatted_like_json_dumps(self):
        for request, reply in [
            (put("text", [1, {"a": None}]), put_reply("text")),
            (get("text"), get_reply("text", [1, {"a": None}])),
            (get("nothing there"), get_reply("nothing there", None)),
            ({"func": "F", "params": {}}, unknown_reply("F")),
        ]:
            self.connection.send(request)
            self.assertEqual(self.connection.receive_body(), json.dumps(reply).encode())


if __name__ == "__main__":
    unittest.main()
