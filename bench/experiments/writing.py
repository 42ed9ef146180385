"""How rows are written fastest: multi-row INSERTs of several sizes against LOAD DATA LOCAL, in CPU seconds of the server and in seconds.

usage: writing.py SERVER [ROWS]        one connection, one transaction for every 20,000 rows, as the copy does it
"""

import os
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "lab", "demo"))

import pymysql  # noqa: E402
from machinery import Lab  # noqa: E402

ROWS = int(sys.argv[2]) if len(sys.argv) > 2 else 200_000
CHUNK = 20_000
ROUNDS = 3
SHAPES = {
    "narrow": ("a BIGINT NOT NULL PRIMARY KEY, b INT NOT NULL, c DATETIME NOT NULL, d DECIMAL(12,2) NOT NULL, e VARCHAR(60) NOT NULL",
               lambda n: (str(n), str(n * 7919 % 100003), "2024-01-02 03:04:05", f"{n}.25", f"order number {n} " + "x" * 20)),
    "wide": ("a BIGINT NOT NULL PRIMARY KEY, b LONGBLOB NOT NULL", lambda n: (str(n), f"{n:08}" * 400)),
}


def cpu(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def quoted(values):
    return "(" + ",".join(v if v[:1].isdigit() and " " not in v and len(v) < 20 else f"'{v}'" for v in values) + ")"


def main():
    lab = Lab(os.path.join(ROOT, ".lab", f"bench-{os.getpid()}"))
    try:
        server = lab.finish(lab.begin(sys.argv[1], "bench", "--innodb-buffer-pool-size=1G", "--max-allowed-packet=64M", "--local-infile=ON"))
        address = server._address
        connection = pymysql.connect(host="127.0.0.1", port=server.port, user=address.username, password=address.password, local_infile=True, charset="utf8mb4", max_allowed_packet=64 << 20)
        cursor = connection.cursor()
        cursor.execute("SELECT @@pid_file")
        with open(cursor.fetchone()[0], encoding="ascii") as file:
            pid = int(file.read())
        cursor.execute("CREATE DATABASE bench")
        cursor.execute("USE bench")
        for shape, (columns, value) in SHAPES.items():
            rows = [value(n) for n in range(ROWS if shape == "narrow" else ROWS // 20)]
            chunk = CHUNK if shape == "narrow" else CHUNK // 20
            texts = [quoted(row) for row in rows]
            path = os.path.join("/dev/shm", f"switchyard-bench-{os.getpid()}")
            for size in (64 << 10, 256 << 10, 1 << 20, 4 << 20, None):
                best = None
                for _ in range(ROUNDS):
                    cursor.execute("DROP TABLE IF EXISTS t")
                    cursor.execute(f"CREATE TABLE t ({columns}) ENGINE=InnoDB")
                    before, began = cpu(pid), time.monotonic()
                    client = time.process_time()
                    for start in range(0, len(rows), chunk):
                        cursor.execute("BEGIN")
                        if size is None:
                            with open(path, "w", encoding="utf-8") as file:
                                file.write("".join("\t".join(row) + "\n" for row in rows[start:start + chunk]))
                            cursor.execute(f"LOAD DATA LOCAL INFILE '{path}' INTO TABLE t CHARACTER SET binary")
                        else:
                            text, length = [], 0
                            for one in texts[start:start + chunk]:
                                if length + len(one) > size and text:
                                    cursor.execute("INSERT INTO t VALUES " + ",".join(text))
                                    text, length = [], 0
                                text.append(one)
                                length += len(one) + 1
                            cursor.execute("INSERT INTO t VALUES " + ",".join(text))
                        cursor.execute("COMMIT")
                    used = cpu(pid) - before
                    if best is None or used < best[0]:
                        best = (used, time.monotonic() - began, time.process_time() - client)
                cursor.execute("SELECT COUNT(*) FROM t")
                assert cursor.fetchone()[0] == len(rows)
                what = "LOAD DATA LOCAL" if size is None else f"INSERT, {size >> 10} KB"
                print(f"{server.name} {shape:<7} {what:<16} {best[0] / len(rows) * 1e6:7.2f} µs of the server a row   {best[1]:6.2f} s", flush=True)
            if os.path.exists(path):
                os.remove(path)
    finally:
        lab.stop()


if __name__ == "__main__":
    main()
