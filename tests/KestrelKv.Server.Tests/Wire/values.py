"""Checks that values are returned as the exact text that was put. Argument: the port."""
import random
import sys
import unittest

from kestrelkv_client import Connection

PORT = int(sys.argv.pop(1))

NUMBERS = [
    "0", "-0", "1.0", "1.10", "-0.0", "1e400", "1E+2", "1e-400", "0.1e0", "12345678901234567890123", "1" * 400,
    "9007199254740993", "-9223372036854775809", "3.141592653589793238462643383279502884197",
]
STRINGS = [
    '""', '"text"', r'"\u00e9"', '"\u00e9"', r'"\u0000"', r'"\ud83d\ude00"', '"\U0001f600"', r'"\ud800"', r'"\udc00\ud800"',
    r'"\/"', '"/"', r'"\"\\\b\f\n\r\t"', '"\u2028\u2029\ufeff\uffff\U0010ffff"', r'"<script>&\u003c"', '"\x7f"',
]
OTHERS = [
    "null", "true", "false", "[]", "{}", "[ ]", "{ }", "[1,2 , 3]", '{"b":1,"a":2}', '{"a":1,"a":2}', '{"":{"":[]}}',
    '[\n\t1,\r\n  {"a" : [ ] }\n]', "[" * 500 + "]" * 500, '{"a":' * 500 + "1" + "}" * 500, '{"func":"GET","params":{"obj":"x"}}',
]


def put_body(key, text):
    return f'{{"func": "PUT", "params": {{"obj": "{key}", "val": {text}}}}}'.encode()


def put_reply_body(key):
    return f'{{"status": "OK", "response": {{"func": "PUT", "response": {{"obj": "{key}", "response": "ok"}}}}}}'.encode()


def get_body(key):
    return f'{{"func": "GET", "params": {{"obj": "{key}"}}}}'.encode()


def get_reply_body(key, text):
    return f'{{"status": "OK", "response": {{"func": "GET", "response": {{"obj": "{key}", "val": {text}}}}}}}'.encode()


def random_value(source, depth=0):
    """Returns JSON text in random spelling."""
    space = source.choice(["", "", " ", "\n", "\t "])
    kind = source.randrange(4 if depth < 5 else 2)
    if kind == 0:
        return space + source.choice(NUMBERS)
    if kind == 1:
        return source.choice(STRINGS + ["null", "true", "false"]) + space
    items = [random_value(source, depth + 1) for _ in range(source.randrange(5))]
    if kind == 2:
        return f"[{space}{','.join(items)}]"
    return "{" + ",".join(f"{space}{source.choice(STRINGS)}{space}:{item}" for item in items) + "}"


class Values(unittest.TestCase):
    def setUp(self):
        self.connection = Connection(PORT)
        self.addCleanup(self.connection.close)

    def check(self, texts):
        for i, text in enumerate(texts):
            self.connection.send(put_body(f"v{i}", text), get_body(f"v{i}"))
            with self.subTest(text=text[:60]):
                self.assertEqual(self.connection.receive_body(), put_reply_body(f"v{i}"))
                self.assertEqual(self.connection.receive_body(), get_reply_body(f"v{i}", text.strip(" \t\r\n")))

    def test_numbers_keep_their_spelling(self):
        self.check(NUMBERS)

    def test_strings_keep_their_escapes(self):
        self.check(STRINGS)

    def test_everything_else_keeps_order_and_spacing(self):
        self.check(OTHERS)

    def test_random_values(self):
        seed = random.randrange(1 << 32)
        source = random.Random(seed)
        with self.subTest(seed=seed):
            self.check(random_value(source) for _ in range(2_000))

    def test_key_text_is_returned_as_sent(self):
        self.connection.send(rb'{"func": "GET", "params": {"obj": "\u006dissing\/"}}')
        self.assertEqual(self.connection.receive_body(), get_reply_body(r"\u006dissing\/", "null"))

    def test_a_value_nested_1024_deep_is_stored_and_a_deeper_one_refused(self):
        self.check(["[" * 1024 + "]" * 1024])
        self.connection.send(put_body("deeper", "[" * 1025 + "]" * 1025), get_body("deeper"))
        self.assertIn(b'"code": "too_deep"', self.connection.receive_body())
        self.assertEqual(self.connection.receive_body(), get_reply_body("deeper", "null"))


if __name__ == "__main__":
    unittest.main()
