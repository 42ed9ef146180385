"""One process of clients. Commands come in as lines, answers go out as lines of JSON; ends when its input ends."""

import collections
import json
import os
import sys
import threading

from client import Client
from ledger import Ledger
from measure import Statements


class Board:
    """What clients of this process had acknowledged lately, for others to check. version None: deleted."""

    def __init__(self):
        self._lock = threading.Lock()
        self._versions = collections.OrderedDict()

    def note(self, table, key, version):
        name = (table, tuple(key.items()))
        with self._lock:
            self._versions.pop(name, None)
            self._versions[name] = version
            while len(self._versions) > 400:
                self._versions.popitem(last=False)

    def pick(self, random):
        with self._lock:
            if not self._versions:
                return None
            # The youngest are the ones most likely to be read too early.
            names = list(self._versions)[-40:]
            table, key = name = random.choice(names)
            return table, dict(key), self._versions[name]

    def forget(self, table, key):
        with self._lock:
            self._versions.pop((table, tuple(key.items())), None)

    def version(self, table, key):
        with self._lock:
            return self._versions.get((table, tuple(key.items())))


class Errors:
    def __init__(self):
        self._lock = threading.Lock()
        self.count = 0
        self.kinds = collections.Counter()
        self.samples = []

    def add(self, client, error):
        with self._lock:
            self.count += 1
            self.kinds[f"{type(error).__name__} {error.args[0] if error.args and isinstance(error.args[0], int) else ''}".strip()] += 1
            if len(self.samples) < 20:
                self.samples.append(f"client {client}: {type(error).__name__}: {error}"[:600])
            print(f"client {client}: {error!r}", file=sys.stderr, flush=True)


def main():
    options = json.loads(sys.stdin.readline())
    statements, errors, board, stopping = Statements(), Errors(), Board(), threading.Event()
    clients, threads = [], []
    for number in options["numbers"]:
        ledger = Ledger(os.path.join(options["ledgers"], f"client-{number}.jsonl"), number)
        client = Client(number, options["clients"], options, statements, ledger, board, errors)
        clients.append(client)
        threads.append(threading.Thread(target=guard, args=(client, stopping, errors), daemon=True))
    for thread in threads:
        thread.start()
    for line in sys.stdin:
        command, *words = line.split()
        if command == "stats":
            answer = {"statements": statements.count, "errors": errors.count, "samples": errors.samples, "kinds": errors.kinds,
                      "ready": sum(bool(client.customers) for client in clients)}
        elif command == "longest":
            seconds, what = statements.longest(float(words[0]), float(words[1]))
            answer = {"ms": seconds * 1000, "what": what}
        elif command == "histogram":
            answer = {"buckets": statements.histogram()}
        elif command == "stop":
            stopping.set()
            for thread in threads:
                thread.join(90)
            answer = {"ended": not any(thread.is_alive() for thread in threads)}
        else:
            answer = {"error": f"unknown command {command}"}
        print(json.dumps(answer), flush=True)


def guard(client, stopping, errors):
    """A mistake of the workload itself is an error too, and never a quietly missing client."""
    try:
        client.run(stopping)
    except Exception as error:
        errors.add(client.number, error)
        raise


if __name__ == "__main__":
    main()
