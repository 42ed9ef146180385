"""The pause of a switch: by number of tables under sysbench, and as 32 busy clients feel it, beside a bare hold-and-release.

SWITCHYARD_BENCH_QUICK=1 takes few tables and rounds, to see that it works."""

import json
import multiprocessing
import os
import secrets
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import pymysql

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "lab", "demo"))

from machinery import Lab, Switchyard  # noqa: E402
from measure import Statements  # noqa: E402

QUICK = os.environ.get("SWITCHYARD_BENCH_QUICK") == "1"
TABLES = (1, 20) if QUICK else (1, 100, 2000)
SWITCHES = 4 if QUICK else 10
ROUNDS = 4 if QUICK else 20
CLIENTS, PROCESSES = 32, 4
ROWS = 100
STEPS = ("hold", "fence", "catch-up", "handover", "prime-reverse", "flip")
SCHEMA = "bench"


def sysbench(words, port, user, password, tables, threads):
    return ["sysbench", "oltp_read_write", "--db-driver=mysql", "--mysql-host=127.0.0.1", f"--mysql-port={port}", f"--mysql-user={user}",
            f"--mysql-password={password}", f"--mysql-db={SCHEMA}", f"--tables={tables}", f"--table-size={ROWS}", f"--threads={threads}",
            "--db-ps-mode=disable", *words]


class Setup:
    """Two servers, a schema of sysbench's on the first, and a migration that follows."""

    def __init__(self, directory, tables):
        self.lab = Lab(tempfile.mkdtemp(prefix="lab-", dir=directory))
        self.directory = tempfile.mkdtemp(prefix="serve-", dir=directory)
        begun = [self.lab.begin("mariadb-10.11", name) for name in ("source", "target")]
        self.source, self.target = (self.lab.finish(one) for one in begun)
        self.user, self.password = "bench", secrets.token_hex(12)
        with self.source.connect().cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {SCHEMA}")
            cursor.execute(f"CREATE USER '{self.user}'@'%%' IDENTIFIED BY '{self.password}'".replace("%%", "%"))
            cursor.execute(f"GRANT ALL ON {SCHEMA}.* TO '{self.user}'@'%'")
            # Only while filling.
            cursor.execute("SET GLOBAL innodb_flush_log_at_trx_commit = 0")
            cursor.execute("SET GLOBAL sync_binlog = 0")
            subprocess.run(sysbench(["prepare"], self.source.port, self.user, self.password, tables, min(8, tables)), check=True, stdout=subprocess.DEVNULL)
            cursor.execute("SET GLOBAL innodb_flush_log_at_trx_commit = 1")
            cursor.execute("SET GLOBAL sync_binlog = 1")
        self.serve = None
        self.start()
        self.serve.verb("migration", "create", SCHEMA, "--source", "source", "--target", "target", "--schema", SCHEMA)
        self.wait("running")
        self.serve.verb("migration", "accounts", "copy", SCHEMA)

    def start(self, faults=""):
        os.environ["SWITCHYARD_FAULTS"] = faults
        self.serve = Switchyard(self.directory, {"source": self.source.dsn, "target": self.target.dsn}, "source")
        self.serve.wait_until_ready()
        os.environ["SWITCHYARD_FAULTS"] = ""

    def restart(self, faults=""):
        self.serve.stop()
        self.start(faults)

    def wait(self, *states):
        deadline = time.monotonic() + 600
        while time.monotonic() < deadline:
            status = self.serve.call(f"migrations/{SCHEMA}/status")
            follows = status["reverse"] if status["state"] == "switched" else status["stream"]
            if status["state"] in states and follows["state"] == "running":
                return status
            if status["error"]:
                raise SystemExit(status["error"])
            time.sleep(0.2)
        raise SystemExit(f"the migration is {status['state']} after ten minutes")

    def change_sides(self, refused=False):
        """By the HTTP API: a verb's own process would take a core of this machine from the clients while it starts."""
        verb = "reverse" if self.wait("running", "switched")["state"] == "switched" else "switch"
        return self.serve.call(f"migrations/{SCHEMA}/{verb}", {"skip_diff": True}, refused)

    def stop(self):
        if self.serve:
            self.serve.stop()
        self.lab.stop()


def by_tables(directory, tables):
    """The steps' milliseconds under sysbench's read-write transactions."""
    setup = Setup(directory, tables)
    try:
        load = subprocess.Popen(sysbench(["--time=0", "run"], setup.serve.proxy_port, setup.user, setup.password, tables, 8),
                                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        time.sleep(2)
        reports = []
        for _ in range(SWITCHES):
            reports.append(setup.change_sides())
            if load.poll() is not None:
                raise SystemExit(f"sysbench saw an error: {load.stderr.read()}")
        load.terminate()
        load.wait()
        steps = {name: [next(s["ms"] for s in r["steps"] if s["name"] == name) for r in reports] for name in STEPS}
        return {"tables": tables, "switches": len(reports), "pause_ms": spread([r["pause_ms"] for r in reports]),
                "longest_hold_ms": spread([r["longest_hold_ms"] for r in reports]), "steps_ms": {name: spread(values) for name, values in steps.items()}}
    finally:
        setup.stop()


def spread(values):
    return {"median": round(statistics.median(values), 1), "min": round(min(values), 1), "max": round(max(values), 1)}


def in_words(figures):
    return f"{figures['median']}, {figures['max']} ms"


def busy(port, user, password, first, count, commands, answers):
    """A process of clients that write and read without a pause."""
    statements, stopping, errors = Statements(), threading.Event(), []

    def client(number):
        try:
            connection = pymysql.connect(host="127.0.0.1", port=port, user=user, password=password, database=SCHEMA, autocommit=True)
            with connection.cursor() as cursor:
                while not stopping.is_set():
                    for sql in (f"UPDATE sbtest1 SET k = k + 1 WHERE id = {1 + number}", f"SELECT k FROM sbtest1 WHERE id = {1 + number}"):
                        token = statements.begin(sql)
                        try:
                            cursor.execute(sql)
                        finally:
                            statements.end(token)
            connection.close()
        except Exception as error:  # whatever it is, the application would have seen it
            errors.append(repr(error))

    threads = [threading.Thread(target=client, args=(first + n,), daemon=True) for n in range(count)]
    for thread in threads:
        thread.start()
    while (command := commands.recv()) is not None:
        answers.send((statements.longest(*command)[0] * 1000, statements.count, errors))
    stopping.set()
    for thread in threads:
        thread.join(30)


class Busy:
    def __init__(self, setup):
        self._children = []
        each = CLIENTS // PROCESSES
        for number in range(PROCESSES):
            orders, commands = multiprocessing.Pipe(duplex=False)
            results, answers = multiprocessing.Pipe(duplex=False)
            process = multiprocessing.Process(target=busy, args=(setup.serve.proxy_port, setup.user, setup.password, number * each, each, orders, answers))
            process.start()
            self._children.append((process, commands, results))
        time.sleep(2)

    def longest(self, since, until):
        for _, commands, _ in self._children:
            commands.send((since, until))
        answers = [results.recv() for _, _, results in self._children]
        for _, _, errors in answers:
            if errors:
                raise SystemExit(f"a client saw an error: {errors[0]}")
        return max(ms for ms, _, _ in answers)

    def stop(self):
        for process, commands, _ in self._children:
            commands.send(None)
            process.join(60)


def stalls(setup, rounds, refused=False):
    """The longest wait any client had, of each of so many changes of side, and of as many windows of the same length without one."""
    clients = Busy(setup)
    try:
        changing, quiet = [], []
        for _ in range(rounds):
            since = time.monotonic()
            setup.change_sides(refused)
            time.sleep(0.3)
            until = time.monotonic()
            changing.append(clients.longest(since, until))
            time.sleep(0.2)
            begun = time.monotonic()
            time.sleep(until - since)
            quiet.append(clients.longest(begun, time.monotonic()))
        return changing, quiet
    finally:
        clients.stop()


def under_clients(directory):
    setup = Setup(directory, 1)
    try:
        # Everything up to the drained gate, then back: the hold and the release with no work between.
        bare_point = "switch.hold.after=fail"
        setup.restart(bare_point)
        bare, quiet = stalls(setup, ROUNDS // 2, refused=True)
        setup.restart()
        switched, quiet_too = stalls(setup, ROUNDS)
        setup.restart(bare_point)
        bare += stalls(setup, ROUNDS // 2, refused=True)[0]
        return {"clients": CLIENTS, "switch_stall_ms": spread(switched), "bare_stall_ms": spread(bare), "no_switch_stall_ms": spread(quiet + quiet_too),
                "ratio_of_medians": round(statistics.median(switched) / statistics.median(bare), 2), "rounds": len(switched), "bare_rounds": len(bare)}
    finally:
        setup.stop()


def main():
    directory = tempfile.mkdtemp(prefix="switchyard-bench-")
    try:
        results = {"by_tables": []}
        print(f"{'tables':>7} {'pause ms':>18} " + " ".join(f"{name:>16}" for name in STEPS) + "   (median, max)", flush=True)
        for tables in TABLES:
            one = by_tables(directory, tables)
            results["by_tables"].append(one)
            print(f"{tables:>7} {one['pause_ms']['median']:>9} {one['pause_ms']['max']:>8} "
                  + " ".join(f"{one['steps_ms'][name]['median']:>8} {one['steps_ms'][name]['max']:>7}" for name in STEPS), flush=True)
        felt = results["under_clients"] = under_clients(directory)
        print(f"longest stall of {CLIENTS} busy clients (median, max): {felt['rounds']} switches {in_words(felt['switch_stall_ms'])}; "
              f"{felt['bare_rounds']} bare holds and releases {in_words(felt['bare_stall_ms'])}; as long without either {in_words(felt['no_switch_stall_ms'])}; "
              f"switch × bare hold {felt['ratio_of_medians']}", flush=True)
        with open(sys.argv[1], "w", encoding="utf-8") as file:
            json.dump(results, file, indent=2)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
