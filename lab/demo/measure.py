"""What a client's statements took."""

import collections
import math
import threading
import time

# Shorter statements cannot be the longest stall of a window anyone asks for.
WORTH_KEEPING = 0.0005


class Statements:
    """Counts, a histogram, and the slow statements with their times. Shared by the clients of one process."""

    def __init__(self):
        self._lock = threading.Lock()
        self._slow = collections.deque(maxlen=200_000)
        self._running = {}
        self._histogram = collections.Counter()
        self.count = 0

    def begin(self, what):
        token = threading.get_ident()
        self._running[token] = (time.monotonic(), what)
        return token

    def end(self, token):
        started, what = self._running.pop(token)
        ended = time.monotonic()
        took = ended - started
        with self._lock:
            self.count += 1
            # Buckets a fifth of a power of two wide, of microseconds.
            self._histogram[max(0, int(5 * _log2(took * 1e6)))] += 1
            if took >= WORTH_KEEPING:
                self._slow.append((started, ended, what))

    def longest(self, since, until):
        """The longest statement that was under way at some time between the two: (seconds, what it was)."""
        with self._lock:
            overlapping = [(ended - started, what) for started, ended, what in self._slow if started < until and ended > since]
        now = time.monotonic()
        overlapping += [(now - started, what) for started, what in list(self._running.values()) if started < until]
        return max(overlapping, default=(0.0, "none"))

    def histogram(self):
        with self._lock:
            return dict(self._histogram)


def _log2(number):
    return math.log2(number) if number > 1 else 0


def percentile(histogram, share):
    """In milliseconds, from a histogram of Statements (or the sum of several)."""
    total = sum(histogram.values())
    seen = 0
    for bucket in sorted(histogram):
        seen += histogram[bucket]
        if seen >= total * share:
            return 2 ** ((bucket + 0.5) / 5) / 1000
    return 0.0
