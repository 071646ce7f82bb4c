"""The writes of one connection in order, and the state that a server must have after a crash."""
import re
import time
import zlib

NUMBER = re.compile(rb'^{"n":(\d+),')


def value_of(key, number):
    """Returns the text of the value of write `number` to a key: many short values and a few long ones."""
    dice = zlib.crc32(b"%s %d" % (key.encode(), number))
    if dice % 2_000 == 0:
        length = 900_000 + dice % 400_000  # Some are longer than a segment of 1 MiB.
    elif dice % 40 == 0:
        length = dice % 30_000
    else:
        length = dice % 250
    mark = b"%s=%d;" % (key.encode(), number)
    return b'{"n":%d,"pad":"%s"}' % (number, (mark * (length // len(mark) + 1))[:length])


def number_of(key, text):
    """Returns the number of the write that put the value; fails if no write put it."""
    match = NUMBER.match(text)
    assert match, f"{key} has a value that no write put: {text[:200]}"
    number = int(match[1])
    assert text == value_of(key, number), f"{key} does not have the value of write {number}: {text[:200]}"
    return number


class History:
    """The writes of one connection, the only writer of its keys. Writes are numbered from 1."""

    def __init__(self, keys):
        self.keys = keys
        self.number = 0  # The number of the last intended write.
        self._found = dict.fromkeys(keys)  # The state at the last check; None for no value.
        self._before = 0  # The number of the last write before that check.
        self._writes = []  # The writes since: the key, and whether it puts a value; otherwise it removes.
        self._refused = set()
        self._acknowledged = []  # Numbers and times.
        self.acknowledged_of = {}  # By key, for readers.
        self.ended_at = 0.0

    @property
    def acknowledgements(self):
        return len(self._acknowledged)

    def intend(self, key, is_value=True):
        """Records a write before it is sent, and returns its number."""
        self.number += 1
        self._writes.append((key, is_value))
        return self.number

    def acknowledge(self, key, number, is_value=True):
        self._acknowledged.append((number, time.monotonic()))
        self.acknowledged_of[key] = number if is_value else None

    def refuse(self, number):
        """Records that the server rejected a write. A write without acknowledgement and refusal may be present or not."""
        self._refused.add(number)

    def is_intended(self, key, number):
        index = number - self._before - 1
        if index < 0:
            return self._found[key] == number
        return index < len(self._writes) and self._writes[index] == (key, True)

    def check(self, found, shown, grace=None):
        """Fails unless the state of the server is a prefix of the writes with all reported ones.

        found: the write, or None, by key. shown: the highest write that a read has shown. grace: the seconds before the
        end within which reported writes may be lost; None if none may be lost.
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
        fits = fits or (grace is None and self._fits_with_lost_refusals(found, shown))
        assert fits, (
            f"write {least} of {self.number} was acknowledged or shown (last acknowledged: {self._acknowledged[-1:]}), "
            f"but the state matches no write from there on; it differs at {[(key, found[key]) for key in sorted(closest)][:10]} "
            f"from the closest one; the whole state: {sorted(found.items())}")

        self._found, self._before = found, self.number
        self._writes.clear()
        self._refused.clear()
        self._acknowledged.clear()
        self.acknowledged_of = {}

    def _fits_with_lost_refusals(self, found, shown):
        """Whether each write without a reply is present or not, independently of the others.

        While the server rejects writes, for example because the disk is full, it may have rejected any of these.
        """
        if not self._refused:
            return False
        certain = {number for number, _ in self._acknowledged} | {shown}
        possible = {key: {number} for key, number in self._found.items()}
        for number, (key, is_value) in enumerate(self._writes, self._before + 1):
            outcome = {number if is_value else None}
            if number in certain:
                possible[key] = outcome
            elif number not in self._refused:
                possible[key] |= outcome
        return all(found[key] in possible[key] for key in self.keys)
