"""A client's own memory of its writes: what it was about to do, and what the server said to it.

An append-only file of JSON lines, written before the first statement of a write is sent ("i", intent) and after
its answer came in ("a", acknowledged; "f", refused by the server, so rolled back; "u", nobody knows). A line holds
the number of the write, and an intent what it will have done:

  ["put", table, key, columns]      the row has these values afterwards
  ["del", table, key]               the row is gone afterwards
  ["add", table, key, column, by]   the column has grown by this much (rows shared by clients)
"""

import collections
import json


class Ledger:
    def __init__(self, path, client):
        self.client = client
        self._file = open(path, "a", encoding="utf-8")
        self._last = 0

    def intend(self, effects):
        self._last += 1
        self._write({"i": self._last, "w": effects})
        return self._last

    def acknowledged(self, number):
        self._write({"a": number})

    def refused(self, number, error):
        self._write({"f": number, "e": str(error)})

    def unknown(self, number, error):
        self._write({"u": number, "e": str(error)})

    def close(self):
        self._file.close()

    def _write(self, line):
        self._file.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")
        self._file.flush()


Write = collections.namedtuple("Write", "number outcome effects")


def read(path):
    """The writes of a ledger in their order; outcome is "acknowledged", "refused" or "unknown"."""
    intents, outcomes = {}, {}
    with open(path, encoding="utf-8") as file:
        for text in file:
            if not text.endswith("\n"):
                break  # the client was killed while it wrote
            line = json.loads(text)
            if "i" in line:
                intents[line["i"]] = line["w"]
            else:
                kind, name = next((k, n) for k, n in (("a", "acknowledged"), ("f", "refused"), ("u", "unknown")) if k in line)
                outcomes[line[kind]] = name
    return [Write(number, outcomes.get(number, "unknown"), effects) for number, effects in sorted(intents.items())]
