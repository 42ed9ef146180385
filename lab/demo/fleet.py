"""The workload's processes, seen from the demo."""

import collections
import json
import os
import subprocess
import sys
import threading

from measure import percentile

PROCESSES = 4


class Fleet:
    def __init__(self, clients, options, directory):
        here = os.path.dirname(os.path.abspath(__file__))
        self._processes = []
        self._lock = threading.Lock()
        ledgers = os.path.join(directory, "ledgers")
        os.makedirs(ledgers)
        for index in range(min(PROCESSES, clients)):
            log = open(os.path.join(directory, f"clients-{index}.log"), "w", encoding="utf-8")
            process = subprocess.Popen([sys.executable, os.path.join(here, "workload.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True)
            log.close()
            self._processes.append(process)
            numbers = list(range(index, clients, PROCESSES))
            process.stdin.write(json.dumps({**options, "numbers": numbers, "clients": clients, "ledgers": ledgers}) + "\n")
            process.stdin.flush()

    def _ask(self, command):
        with self._lock:
            for process in self._processes:
                process.stdin.write(command + "\n")
                process.stdin.flush()
            answers = []
            for process in self._processes:
                line = process.stdout.readline()
                if not line:
                    raise RuntimeError("a process of clients ended by itself; its log tells why")
                answers.append(json.loads(line))
            return answers

    def stats(self):
        """statements, errors, ready clients, samples and kinds of errors, of all processes."""
        answers = self._ask("stats")
        kinds = collections.Counter()
        for answer in answers:
            kinds.update(answer["kinds"])
        return {"statements": sum(a["statements"] for a in answers), "errors": sum(a["errors"] for a in answers),
                "ready": sum(a["ready"] for a in answers), "samples": [s for a in answers for s in a["samples"]], "kinds": kinds}

    def longest(self, since, until):
        """The longest statement under way between two readings of time.monotonic(): (milliseconds, what)."""
        answer = max(self._ask(f"longest {since} {until}"), key=lambda a: a["ms"])
        return answer["ms"], answer["what"]

    def percentiles(self, *shares):
        """In milliseconds, over everything so far."""
        histogram = collections.Counter()
        for answer in self._ask("histogram"):
            histogram.update({int(bucket): count for bucket, count in answer["buckets"].items()})
        return [percentile(histogram, share) for share in shares]

    def stop(self):
        """Lets every client finish what it does. True if all did."""
        return all(answer["ended"] for answer in self._ask("stop"))

    def kill(self):
        for process in self._processes:
            process.kill()
            process.wait()
