"""What one connection wrote, in its order, and what a server has to have of it after a crash."""
import re
import time
import zlib

NUMBER = re.compile(rb'^{"n":(\d+),')


def value_of(key, number):
    """The text of the value that write `number` gives to a key: long ones among many short ones."""
    dice = zlib.crc32(b"%s %d" % (key.encode(), number))
    if dice % 2_000 == 0:
        length = 900_000 + dice % 400_000  # some are longer than a segment of 1 MiB
    elif dice % 40 == 0:
        length = dice % 30_000
    else:
        length = dice % 250
    mark = b"%s=%d;" % (key.encode(), number)
    return b'{"n":%d,"pad":"%s"}' % (number, (mark * (length // len(mark) + 1))[:length])


def number_of(key, text):
    """Which write of a key's writer a value is; fails where it is none."""
    match = NUMBER.match(text)
    assert match, f"{key} has what nobody wrote: {text[:200]}"
    number = int(match[1])
    assert text == value_of(key, number), f"{key} has another value than write {number} gave it: {text[:200]}"
    return number


class History:
    """The writes of one connection, which alone writes its keys. Writes are numbered from 1 on."""

    def __init__(self, keys):
        self.keys = keys
        self.number = 0  # of the last write that was intended
        self._found = dict.fromkeys(keys)  # what the server had at the last check: None for no value
        self._before = 0  # the number of the last write before it
        self._writes = []  # since then: the key, and whether it is a value, and not a removal
        self._refused = set()
        self._acknowledged = []  # numbers and times
        self.acknowledged_of = {}  # per key, for readers
        self.ended_at = 0.0

    @property
    def acknowledgements(self):
        return len(self._acknowledged)

    def intend(self, key, is_value=True):
        """To be called before a write is sent. Gives its number."""
        self.number += 1
        self._writes.append((key, is_value))
        return self.number

    def acknowledge(self, key, number, is_value=True):
        self._acknowledged.append((number, time.monotonic()))
        self.acknowledged_of[key] = number if is_value else None

    def refuse(self, number):
        """The server has said that it did nothing. A write with neither may be there or not."""
        self._refused.add(number)

    def is_intended(self, key, number):
        index = number - self._before - 1
        if index < 0:
            return self._found[key] == number
        return index < len(self._writes) and self._writes[index] == (key, True)

    def check(self, found, shown, grace=None):
        """Fails unless what was found is the outcome of the writes up to one, and that not too early a one.

        found: number or None per key. shown: the last number that a read has shown. grace: what was acknowledged, or
        shown, in so many seconds before the end may be lost.
        """
        before = self.ended_at - grace if grace is not None else float("inf")
        least = max([number for number, at in self._acknowledged if at < before], default=0)
        if grace is None:
            least = max(least, shown)

        state = dict(self._found)
        wrong = {key for key in self.keys if state[key] != found[key]}
        closest = set(wrong)
        at = self._before
        fits = not wrong and at >= least
        for key, is_value in self._writes:
            at += 1
            if at not in self._refused:
                state[key] = at if is_value else None
                (wrong.discard if state[key] == found[key] else wrong.add)(key)
            if at >= least:
                closest = set(wrong) if len(wrong) <= len(closest) or at == least else closest
                fits = fits or not wrong
        assert fits, (
            f"write {least} of {self.number} was acknowledged or shown (the last acknowledged: {self._acknowledged[-1:]}), "
            f"and no write from it on has left what was found, which is {[(key, found[key]) for key in sorted(closest)][:10]} "
            f"beside what fits; all that was found: {sorted(found.items())}")

        self._found, self._before = found, self.number
        self._writes.clear()
        self._refused.clear()
        self._acknowledged.clear()
        self.acknowledged_of = {}
