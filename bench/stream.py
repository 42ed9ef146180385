"""A recorded burst of writes, caught up with by a native MariaDB replica with parallel workers and by Switchyard's stream, on servers with the same settings."""

import json
import os
import re
import secrets
import shutil
import statistics
import subprocess
import sys
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "lab", "demo"))

import pymysql  # noqa: E402

from machinery import Lab, Switchyard  # noqa: E402

ROUNDS = int(os.environ.get("SWITCHYARD_BENCH_ROUNDS", "3"))
SCALE = float(os.environ.get("SWITCHYARD_BENCH_SCALE", "2"))
WORKERS = 4
TABLES = 4
ROWS = 50_000
LIMIT_SECONDS = 900
# What a replica that can take over would have, on both sides of the comparison.
SETTINGS = ["--log-slave-updates=ON", "--sync-binlog=1", "--innodb-flush-log-at-trx-commit=1", "--max-allowed-packet=64M", "--innodb-buffer-pool-size=512M"]


def sysbench(port, password, script, command, *words):
    done = subprocess.run(
        ["sysbench", script, "--db-driver=mysql", "--mysql-host=127.0.0.1", f"--mysql-port={port}", "--mysql-user=bench", f"--mysql-password={password}",
         "--mysql-db=bench", "--db-ps-mode=disable", "--time=0", *words, command], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"sysbench failed: {done.stdout}{done.stderr}")
    return done.stdout


class Burst:
    """Kinds of bursts. Each returns how many transactions it wrote."""

    def __init__(self, source, password):
        self.source = source
        self.password = password

    def write_only(self):
        events = int(20_000 * SCALE)
        sysbench(self.source.port, self.password, "oltp_write_only", "run", f"--tables={TABLES}", f"--table-size={ROWS}", "--threads=8", f"--events={events}")
        return events

    def large_rows(self):
        rows = int(1_000 * SCALE)
        with self.source.connect() as connection, connection.cursor() as cursor:
            cursor.execute("USE bench")
            for i in range(rows):
                value = chr(97 + i % 26) * 200_000
                if i % 2:
                    cursor.execute("UPDATE large SET v=%s WHERE id=%s", (value, 1 + i % 200))
                else:
                    cursor.execute("REPLACE INTO large VALUES (%s, %s)", (1 + i % 200 + 1, value))
        return rows

    def hot_table(self):
        events = int(20_000 * SCALE)
        sysbench(self.source.port, self.password, "oltp_update_non_index", "run", "--tables=1", "--table-size=50", "--threads=8", f"--events={events}", "--rand-type=uniform")
        return events


CASES = [("sysbench write-only, 4 tables", "write_only"), ("large rows, 200 kB", "large_rows"), ("one hot table, 50 rows", "hot_table")]


def mark(source, number, apart=False):
    """Apart: a change of definition behind it, which everybody waits for, so that the mark is not joined with what follows."""
    with source.connect() as connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO bench.mark VALUES (%s)", (number,))
        if apart:
            cursor.execute("ALTER TABLE bench.mark COMMENT=%s", (str(number),))


def await_marks(server, first, last, start=None):
    """Seconds from the first mark's arrival to the last one's: the burst between them, without anybody's start, which is called meanwhile."""
    if start:
        starting = threading.Thread(target=start, args=(True,))
        starting.start()
        try:
            return await_marks(server, first, last)
        finally:
            starting.join()
    deadline = time.monotonic() + LIMIT_SECONDS
    began = None
    with server.connect() as connection, connection.cursor() as cursor:
        while time.monotonic() < deadline:
            try:
                cursor.execute("SELECT MAX(id) FROM bench.mark")
                seen = cursor.fetchone()[0] or 0
            except pymysql.err.ProgrammingError:
                seen = 0  # the replica has yet to come by the table's creation
            if began is None and seen >= first:
                began = time.monotonic()
            if seen >= last:
                return time.monotonic() - began
            time.sleep(0.01)
    raise SystemExit(f"{server.name} did not catch up within {LIMIT_SECONDS} seconds")


def checksum(server, table):
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"CHECKSUM TABLE bench.{table}")
        return cursor.fetchone()[1]


def peak_bytes(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return int(re.search(r"VmHWM:\s+(\d+) kB", file.read()).group(1)) * 1024


def spread(values):
    return {"min": round(min(values), 3), "median": round(statistics.median(values), 3), "max": round(max(values), 3)}


def text(values, form="{:.2f}"):
    return " / ".join(form.format(values[name]) for name in ("min", "median", "max"))


def prepare(source, replica, password):
    with source.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT @@gtid_binlog_pos")
        start = cursor.fetchone()[0]
        cursor.execute("CREATE DATABASE bench")
        cursor.execute("CREATE USER 'bench'@'%%' IDENTIFIED BY %s", (password,))
        cursor.execute("GRANT ALL ON *.* TO 'bench'@'%'")
        cursor.execute("CREATE TABLE bench.mark (id INT NOT NULL PRIMARY KEY) ENGINE=InnoDB")
        cursor.execute("CREATE TABLE bench.large (id INT NOT NULL PRIMARY KEY, v LONGTEXT NOT NULL) ENGINE=InnoDB")
    sysbench(source.port, password, "oltp_write_only", "prepare", f"--tables={TABLES}", f"--table-size={ROWS}")
    with replica.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SET GLOBAL gtid_slave_pos=%s", (start,))
        cursor.execute("CHANGE MASTER TO master_host='127.0.0.1', master_port=%s, master_user='bench', master_password=%s, master_use_gtid=slave_pos", (source.port, password))


def replicate(replica, run):
    with replica.connect() as connection, connection.cursor() as cursor:
        cursor.execute("START SLAVE" if run else "STOP SLAVE")


def stream(switchyard, run):
    switchyard.verb("migration", "start" if run else "stop", "bench")


def wait_until_running(switchyard):
    deadline = time.monotonic() + LIMIT_SECONDS
    while time.monotonic() < deadline:
        status = switchyard.verb("migration", "status", "bench")
        if status["state"] == "running":
            return
        if status["state"] in ("error", "failed"):
            raise SystemExit(f"the migration failed: {status}")
        time.sleep(0.2)
    raise SystemExit("the copy did not end")


def main():
    directory = os.path.join(ROOT, ".lab", f"bench-{os.getpid()}")
    os.makedirs(directory, mode=0o700)
    lab = Lab(os.path.join(directory, "servers"))
    switchyard = None
    try:
        source = lab.finish(lab.begin("mariadb-10.11", "source", *SETTINGS))
        replica = lab.finish(lab.begin("mariadb-10.11", "replica", *SETTINGS, f"--slave-parallel-threads={WORKERS}", "--slave-parallel-mode=optimistic"))
        target = lab.finish(lab.begin("mariadb-10.11", "target", *SETTINGS))
        password = secrets.token_hex(16)
        prepare(source, replica, password)
        switchyard = Switchyard(directory, {"source": source.dsn, "target": target.dsn}, "source")
        switchyard.wait_until_ready()
        switchyard.verb("migration", "create", "bench", "--source", "source", "--target", "target", "--schema", "bench", "--apply-threads", str(WORKERS))
        wait_until_running(switchyard)
        replicate(replica, True)
        mark(source, 1)
        await_marks(replica, 1, 1)
        await_marks(target, 1, 1)
        stream(switchyard, False)
        replicate(replica, False)

        burst = Burst(source, password)
        number = 1
        result = {"server": f"{source.name} {source.version}", "cores": os.cpu_count(), "rounds": ROUNDS, "workers": WORKERS, "cases": []}
        print(f"Catching up with a burst on {result['server']}, {os.cpu_count()} cores shared by everything; {WORKERS} workers on both sides, "
              f"{ROUNDS} rounds. Figures are min / median / max.", flush=True)
        for name, kind in CASES:
            rounds = []
            for turn in range(ROUNDS):
                first, last = number + 1, number + 2
                number += 2
                mark(source, first, apart=True)
                transactions = getattr(burst, kind)()
                mark(source, last)
                seconds = {}
                for who in (("replica", "switchyard") if turn % 2 == 0 else ("switchyard", "replica")):
                    server, start = (replica, lambda run: replicate(replica, run)) if who == "replica" else (target, lambda run: stream(switchyard, run))
                    seconds[who] = await_marks(server, first, last, start)
                    start(False)
                rounds.append({who: transactions / one for who, one in seconds.items()})
            case = {"name": name, "switchyard": spread([r["switchyard"] for r in rounds]), "replica": spread([r["replica"] for r in rounds]),
                    "switchyard_of_replica": spread([r["switchyard"] / r["replica"] for r in rounds])}
            print(f"\n{name}")
            for who in ("replica", "switchyard"):
                print(f"  {who:<11} {text(case[who], '{:,.0f}')} transactions per second")
            print(f"  switchyard × replica {text(case['switchyard_of_replica'])}", flush=True)
            result["cases"].append(case)
        for table in ["large", *[f"sbtest{i + 1}" for i in range(TABLES)]]:
            sums = {checksum(server, table) for server in (source, replica, target)}
            if len(sums) != 1:
                raise SystemExit(f"bench.{table} differs: {sums}")
        result["switchyard_peak_bytes"] = peak_bytes(switchyard.process.pid)
        print(f"\nEvery table is the same on source, replica and target. Switchyard's memory at its peak: {result['switchyard_peak_bytes'] / 1e6:,.0f} MB.")
        with open(sys.argv[1], "w", encoding="utf-8") as file:
            json.dump(result, file)
    finally:
        if switchyard:
            switchyard.stop()
        lab.stop()
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
