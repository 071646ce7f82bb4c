"""Sends requests pipelined, fragmented, before a half-close, and large ones. Argument: the port."""
import random
import socket
import sys
import threading
import unittest

from kestrelkv_client import HEADER, VERSION, Closed, Connection, frame, get, get_reply, put, put_reply, unknown_reply

PORT = int(sys.argv.pop(1))
MIB = 1024 * 1024
FRAME_BYTES_MAX = 16 * MIB
PUT_BYTES = len(b'{"func": "PUT", "params": {"obj": "large", "val": ""}}')


class Streams(unittest.TestCase):
    def setUp(self):
        self.connection = Connection(PORT)
        self.addCleanup(self.connection.close)

    def calls(self, count, name):
        """Yields requests of every kind in turn, with their replies."""
        for i in range(count):
            key = f"{name} {i // 4}"
            yield [
                (put(key, {"i": i}), put_reply(key)),
                (get(key), get_reply(key, {"i": i - i % 4})),
                ({"func": f"F{i}", "params": {}}, unknown_reply(f"F{i}")),
                (get(f"{key} not"), get_reply(f"{key} not", None)),
            ][i % 4]

    def assert_closed(self):
        self.assertRaises(Closed, self.connection.receive)

    def test_thousands_of_pipelined_requests_are_answered_in_order(self):
        calls = list(self.calls(4_000, "one go"))
        self.connection.send(*(request for request, _ in calls))
        for _, reply in calls:
            self.assertEqual(self.connection.receive(), reply)

    def test_requests_sent_while_replies_are_read(self):
        calls = list(self.calls(40_000, "while"))
        sender = threading.Thread(target=lambda: self.connection.send(*(request for request, _ in calls)))
        sender.start()
        for _, reply in calls:
            self.assertEqual(self.connection.receive(), reply)
        sender.join()

    def test_half_closed_client_gets_every_reply_before_the_end(self):
        calls = list(self.calls(2_000, "half"))
        self.connection.send(*(request for request, _ in calls))
        self.connection.socket.shutdown(socket.SHUT_WR)
        for _, reply in calls:
            self.assertEqual(self.connection.receive(), reply)
        self.assert_closed()

    def test_half_closed_client_that_reads_late_gets_complete_large_replies(self):
        value = "x" * MIB
        self.assertEqual(self.connection.call(put("late", value)), put_reply("late"))
        self.connection.send(*[get("late")] * 50)
        self.connection.socket.shutdown(socket.SHUT_WR)
        for _ in range(50):
            self.assertEqual(self.connection.receive(), get_reply("late", value))
        self.assert_closed()

    def test_half_close_without_a_request(self):
        self.connection.socket.shutdown(socket.SHUT_WR)
        self.assert_closed()

    def test_requests_byte_by_byte(self):
        for request, reply in self.calls(8, "drip"):
            for byte in frame(request):
                self.connection.socket.sendall(bytes([byte]))
            self.assertEqual(self.connection.receive(), reply)

    def test_requests_split_at_every_byte(self):
        request, reply = put("split", {"text": "\u00e9" * 5}), put_reply("split")
        whole = frame(request)
        for at in range(1, len(whole)):
            self.connection.socket.sendall(whole[:at])
            self.connection.socket.sendall(whole[at:] + frame(get("split")))
            self.assertEqual(self.connection.receive(), reply)
            self.assertEqual(self.connection.receive(), get_reply("split", {"text": "\u00e9" * 5}))

    def test_requests_in_pieces_of_any_length(self):
        seed = random.randrange(1 << 32)
        source = random.Random(seed)
        calls = list(self.calls(2_000, "pieces"))
        stream = b"".join(frame(request) for request, _ in calls)

        def send():
            at = 0
            while at < len(stream):
                length = source.choice([1, 7, 8, 9, 100, 4095, 4096, 4097, 10_000])
                self.connection.socket.sendall(stream[at:at + length])
                at += length

        sender = threading.Thread(target=send)
        sender.start()
        with self.subTest(seed=seed):
            for _, reply in calls:
                self.assertEqual(self.connection.receive(), reply)
        sender.join()

    def test_a_value_of_1_mib(self):
        value = {"text": "\u00e9" * (MIB // 2)}
        self.assertEqual(self.connection.call(put("large", value)), put_reply("large"))
        self.assertEqual(self.connection.call(get("large")), get_reply("large", value))

    def test_a_frame_of_the_maximum_length(self):
        value = "x" * (FRAME_BYTES_MAX - PUT_BYTES)
        self.assertEqual(len(frame(put("large", value))), HEADER.size + FRAME_BYTES_MAX)
        self.assertEqual(self.connection.call(put("large", value)), put_reply("large"))
        self.assertEqual(self.connection.call(get("large")), get_reply("large", value))

    def test_a_longer_frame_is_refused_before_its_body_is_sent(self):
        self.connection.socket.sendall(HEADER.pack(VERSION, FRAME_BYTES_MAX + 1))
        reply = self.connection.receive()
        self.assertEqual(reply, {"status": "ERROR", "error": {"code": "frame_too_long", "message": reply["error"]["message"]}})
        self.assertIn(str(FRAME_BYTES_MAX), reply["error"]["message"])
        self.assert_closed()


if __name__ == "__main__":
    unittest.main()
