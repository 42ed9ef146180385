"""Copy of a mixed database to another server: Switchyard, mydumper + myloader, and the server's own LOAD DATA as the limit.

Everybody uses the same number of threads, copies into an empty schema with the same tables and indexes, and leaves what it wrote in the target's binary log.
BENCH_COPY_MB (2048), BENCH_COPY_ROUNDS (3), BENCH_COPY_THREADS (4) and BENCH_COPY_FROM, BENCH_COPY_TO (mariadb-10.11) choose the size and the servers.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import time
import urllib.parse
from concurrent.futures import ThreadPoolExecutor

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "lab", "demo"))

import pymysql  # noqa: E402

from machinery import DemoFailed, Lab, Switchyard  # noqa: E402

MEGABYTES = int(os.environ.get("BENCH_COPY_MB", "2048"))
ROUNDS = int(os.environ.get("BENCH_COPY_ROUNDS", "3"))
THREADS = int(os.environ.get("BENCH_COPY_THREADS", "4"))
FROM = os.environ.get("BENCH_COPY_FROM", "mariadb-10.11")
TO = os.environ.get("BENCH_COPY_TO", "mariadb-10.11")
SCHEMA = "bench"

# Share of the bytes, bytes a row, definition, and an expression for each column of row n.
TABLES = {
    "orders": (0.40, 120, "id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, customer INT NOT NULL, placed DATETIME NOT NULL, total DECIMAL(12,2) NOT NULL, state ENUM('new','paid','sent','done') NOT NULL, "
               "note VARCHAR(200) NOT NULL, KEY by_customer (customer), KEY by_placed (placed, state)",
               "n, (n * 7919) % 100003, DATE_ADD('2020-01-01', INTERVAL n % 100000000 SECOND), (n % 1000000) / 7, 1 + n % 4, CONCAT('order number ', n, ' ', MD5(n))"),
    "order_lines": (0.25, 60, "order_id BIGINT NOT NULL, line SMALLINT NOT NULL, item INT NOT NULL, quantity INT NOT NULL, price DOUBLE NOT NULL, PRIMARY KEY (order_id, line), KEY by_item (item)",
                    "n DIV 5, n % 5, (n * 104729) % 1000003, n % 17, n / 3e0"),
    "words": (0.10, 90, "word VARCHAR(60) NOT NULL PRIMARY KEY, n INT NOT NULL, body TEXT, KEY by_n (n)", "CONCAT(MD5(n), n), n, REPEAT(CHAR(97 + n % 26), n % 60)"),
    "documents": (0.25, 6000, "id INT NOT NULL PRIMARY KEY, kind VARCHAR(20) NOT NULL, content LONGBLOB NOT NULL, KEY by_kind (kind)", "n, CONCAT('kind ', n % 20), REPEAT(UNHEX(SHA2(n, 512)), 90)"),
}


def rows_of(table):
    share, size, _, _ = TABLES[table]
    return int(MEGABYTES * 1024 * 1024 * share / size)


def execute(server, *statements):
    with server.connect() as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        return cursor.fetchall()


def load(server, table, path):
    """The pieces of a table whose rows are not in the key's order can lock each other out."""
    while True:
        try:
            return execute(server, "SET foreign_key_checks=0, unique_checks=0", f"LOAD DATA INFILE '{path}' INTO TABLE {SCHEMA}.{table} CHARACTER SET binary")
        except pymysql.err.OperationalError as error:
            if error.args[0] != 1213:
                raise


def fill(server):
    execute(server, f"CREATE DATABASE {SCHEMA} CHARACTER SET utf8mb4")
    digits = " CROSS JOIN ".join(f"(SELECT {i} d UNION ALL SELECT 1+{i} UNION ALL SELECT 2+{i} UNION ALL SELECT 3+{i} UNION ALL SELECT 4+{i} UNION ALL SELECT 5+{i} UNION ALL SELECT 6+{i} "
                                 f"UNION ALL SELECT 7+{i} UNION ALL SELECT 8+{i} UNION ALL SELECT 9+{i}) t{i}" for i in range(0, 1))
    tens = " CROSS JOIN ".join(digits.replace("t0", f"t{i}") for i in range(4))
    execute(server, f"CREATE TABLE {SCHEMA}.numbers (n INT NOT NULL PRIMARY KEY)", f"INSERT INTO {SCHEMA}.numbers SELECT t0.d + 10*t1.d + 100*t2.d + 1000*t3.d FROM {tens}")
    for table, (_, _, definition, values) in TABLES.items():
        execute(server, f"CREATE TABLE {SCHEMA}.{table} ({definition}) ENGINE=InnoDB")
        for start in range(1, rows_of(table) + 1, 10_000):
            last = min(10_000, rows_of(table) + 1 - start)
            execute(server, f"INSERT INTO {SCHEMA}.{table} SELECT {values} FROM (SELECT n + {start} AS n FROM {SCHEMA}.numbers WHERE n < {last} ORDER BY 1) AS numbered")
    execute(server, f"DROP TABLE {SCHEMA}.numbers", *(f"ANALYZE TABLE {SCHEMA}.{table}" for table in TABLES))


def count(server):
    return sum(execute(server, f"SELECT COUNT(*) FROM {SCHEMA}.{table}")[0][0] for table in TABLES)


def run(words):
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise DemoFailed(f"{words[0]} failed: {done.stdout}{done.stderr}")


def client(server):
    address = urllib.parse.urlsplit(server.dsn)
    return ["-h", "127.0.0.1", "-P", str(server.port), "-u", address.username, "-p", address.password]


class Switched:
    """A migration's copy, from its creation until the target follows: schema, rows, indexes."""

    def __init__(self, switchyard):
        self.switchyard = switchyard
        self.number = 0

    def copy(self, source, target, directory):
        self.number += 1
        name = f"bench-{self.number}"
        began = time.monotonic()
        self.switchyard.verb("migration", "create", name, "--source", "source", "--target", "target", "--schema", SCHEMA, "--copy-threads", str(THREADS))
        phases = {}
        while True:
            status = self.switchyard.verb("migration", "status", name)
            if status["state"] == "error":
                raise DemoFailed(status["error"])
            if status["state"] == "running":
                break
            if all(table["phase"] != "copying" and table["phase"] != "waiting" for table in status["tables"]):
                phases.setdefault("rows", time.monotonic() - began)
            time.sleep(0.05)
        took = time.monotonic() - began
        return took, {"rows_s": round(phases.get("rows", took), 2)}, name

    def forget(self, name):
        self.switchyard.verb("migration", "cancel", name)
        self.switchyard.verb("migration", "delete", name)


class Dumped:
    """mydumper, then myloader, which writes to the binary log as well."""

    def copy(self, source, target, directory):
        dump = os.path.join(directory, "dump")
        began = time.monotonic()
        run(["mydumper", *client(source), "-B", SCHEMA, "-t", str(THREADS), "-o", dump, "--trx-consistency-only", "-r", "200000", "-v", "1"])
        dumped = time.monotonic() - began
        run(["myloader", *client(target), "-d", dump, "-t", str(THREADS), "-e", "-v", "1"])
        took = time.monotonic() - began
        shutil.rmtree(dump)
        return took, {"dump_s": round(dumped, 2)}, None


class Loaded:
    """LOAD DATA INFILE of files that are there already, into tables without secondary indexes, which are built afterwards."""

    def __init__(self, source, directory):
        self.pieces = []
        self.directory = os.path.join(directory, "outfile")
        os.makedirs(self.directory, mode=0o777)
        os.chmod(self.directory, 0o777)
        for table in TABLES:
            key = {"order_lines": "order_id", "words": "n"}.get(table, "id")
            (least, most), = execute(source, f"SELECT MIN({key}), MAX({key}) FROM {SCHEMA}.{table}")
            for piece in range(THREADS):
                low, high = (least + (most + 1 - least) * part // THREADS for part in (piece, piece + 1))
                path = os.path.join(self.directory, f"{table}.{piece}")
                execute(source, f"SELECT * FROM {SCHEMA}.{table} WHERE {key}>={low} AND {key}<{high} ORDER BY 1, 2 INTO OUTFILE '{path}' CHARACTER SET binary")
                self.pieces.append((table, path))

    def copy(self, source, target, directory):
        began = time.monotonic()
        keys = {}
        execute(target, f"CREATE DATABASE {SCHEMA} CHARACTER SET utf8mb4")
        for table, (_, _, definition, _) in TABLES.items():
            columns, *rest = definition.split(", KEY ")
            keys[table] = ", ".join("ADD KEY " + key for key in rest)
            execute(target, f"CREATE TABLE {SCHEMA}.{table} ({columns}) ENGINE=InnoDB")
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(lambda piece: load(target, *piece), self.pieces))
            rows = time.monotonic() - began
            list(pool.map(lambda table: execute(target, f"ALTER TABLE {SCHEMA}.{table} {keys[table]}"), TABLES))
        return time.monotonic() - began, {"rows_s": round(rows, 2)}, None


def spread(values):
    return {"min": round(min(values), 3), "median": round(statistics.median(values), 3), "max": round(max(values), 3)}


def text(values):
    return " / ".join(f"{values[name]:.2f}" for name in ("min", "median", "max"))


def main():
    directory = os.path.join(ROOT, ".lab", f"bench-{os.getpid()}")
    os.makedirs(directory, mode=0o755)
    lab = Lab(os.path.join(directory, "servers"))
    switchyard = None
    try:
        options = ["--innodb-buffer-pool-size=1G", "--max-allowed-packet=64M"] + (["--secure-file-priv="] if "mysql-" not in FROM + TO else [])
        begun = [lab.begin(FROM, "source", *options), lab.begin(TO, "target", *options)]
        source, target = (lab.finish(one) for one in begun)
        print(f"filling {MEGABYTES} MB on {source.name} {source.version}", flush=True)
        fill(source)
        rows = count(source)
        (megabytes,), = execute(source, f"SELECT ROUND(SUM(data_length+index_length)/1048576) FROM information_schema.tables WHERE table_schema='{SCHEMA}'")
        switchyard = Switchyard(directory, {"source": source.dsn, "target": target.dsn}, "source")
        switchyard.wait_until_ready()
        ways = {"switchyard": Switched(switchyard), "mydumper + myloader": Dumped()}
        if "mysql-" not in FROM + TO:
            ways["load data"] = Loaded(source, directory)
        print(f"{rows:,} rows, {megabytes} MB with indexes; {THREADS} threads, {os.cpu_count()} cores shared by both servers and the tool; {ROUNDS} rounds in turn; min / median / max", flush=True)
        took = {way: [] for way in ways}
        details = {way: [] for way in ways}
        names = list(ways)
        for number in range(ROUNDS):
            for way in names[number % len(names):] + names[:number % len(names)]:
                execute(target, f"DROP DATABASE IF EXISTS {SCHEMA}")
                seconds, detail, name = ways[way].copy(source, target, directory)
                if count(target) != rows:
                    raise DemoFailed(f"{way} copied {count(target)} of {rows} rows")
                if name:
                    ways[way].forget(name)
                took[way].append(seconds)
                details[way].append(detail)
                print(f"  round {number + 1}: {way:<20} {seconds:7.2f} s  {detail}", flush=True)
        result = {"from": f"{source.name} {source.version}", "to": f"{target.name} {target.version}", "cores": os.cpu_count(), "threads": THREADS, "rounds": ROUNDS,
                  "rows": rows, "megabytes": int(megabytes), "ways": {way: {"seconds": spread(took[way]), "details": details[way]} for way in ways}}
        for way in ways:
            print(f"{way:<20} {text(spread(took[way]))} s", flush=True)
        for other in names[1:]:
            ratio = spread([theirs / ours for theirs, ours in zip(took[other], took["switchyard"])])
            result[f"speed_of_{'mydumper' if 'mydumper' in other else 'load_data'}"] = ratio
            print(f"switchyard × {other}: {text(ratio)}", flush=True)
        with open(sys.argv[1], "w", encoding="utf-8") as file:
            json.dump(result, file)
    finally:
        if switchyard:
            switchyard.stop()
        lab.stop()
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
