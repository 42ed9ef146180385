"""What the settings of .NET's collector cost: the process's peak of memory, its processor time and seconds, for a copy and for one large transaction that is followed.

usage: collector.py [SERVER [ROWS]]        ROWS of 2 KB are copied, and as many follow in one transaction; needs the release build (./build.sh)
"""

import os
import shutil
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "lab", "demo"))

from machinery import DemoFailed, Lab, Switchyard  # noqa: E402

SERVER = sys.argv[1] if len(sys.argv) > 1 else "mariadb-10.11"
ROWS = int(sys.argv[2]) if len(sys.argv) > 2 else 150_000
# Numbers are hexadecimal. A large machine has a heap a core; more heaps than there are processors need to be let go of them.
SETTINGS = {
    "workstation, concurrent": {"DOTNET_gcServer": "0", "DOTNET_gcConcurrent": "1"},
    "workstation": {"DOTNET_gcServer": "0", "DOTNET_gcConcurrent": "0"},
    "server, adapting": {"DOTNET_gcServer": "1", "DOTNET_GCDynamicAdaptationMode": "1"},
    "server, adapting, conserving": {"DOTNET_gcServer": "1", "DOTNET_GCConserveMemory": "9"},
    "server, 2 heaps": {"DOTNET_gcServer": "1", "DOTNET_GCDynamicAdaptationMode": "0"},
    "server, 16 heaps": {"DOTNET_gcServer": "1", "DOTNET_GCDynamicAdaptationMode": "0", "DOTNET_GCHeapCount": "10", "DOTNET_GCNoAffinitize": "1"},
}


def execute(server, *statements):
    with server.connect() as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        return cursor.fetchall()


def fill(server, first):
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute("BEGIN")
        for start in range(first, first + ROWS, 1000):
            cursor.execute(f"INSERT INTO heavy.t SELECT {start}+n, REPEAT(CHAR(97+n%26), 2000) FROM aside.n")
        cursor.execute("INSERT INTO heavy.mark VALUES (%s)", (first,))
        cursor.execute("COMMIT")


def cpu(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak(pid):
    """The kernel's high-water mark since the last time, in MB."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        mark = next(int(line.split()[1]) for line in file if line.startswith("VmHWM:"))
    with open(f"/proc/{pid}/clear_refs", "w", encoding="ascii") as file:
        file.write("5")
    return mark // 1024


def wait(there):
    while not there():
        time.sleep(0.1)


def measure(lab, directory, source, target, settings):
    execute(target, "DROP DATABASE IF EXISTS heavy")
    execute(source, f"DELETE FROM heavy.t WHERE id>={2 * ROWS}", f"DELETE FROM heavy.mark WHERE id>={2 * ROWS}")
    os.makedirs(directory, mode=0o700)
    before = dict(os.environ)
    os.environ.update(settings)
    switchyard = Switchyard(directory, {"source": source.dsn, "target": target.dsn}, "source")
    os.environ.clear()
    os.environ.update(before)
    try:
        switchyard.wait_until_ready()
        pid = switchyard.process.pid
        figures = [peak(pid)]

        def step(action, there):
            began, used = time.monotonic(), cpu(pid)
            action()
            wait(there)
            figures.append((peak(pid), cpu(pid) - used, time.monotonic() - began))

        def running():
            status = switchyard.call("migrations/heavy/status")
            if status["state"] == "error":
                raise DemoFailed(status["error"])
            return status["state"] == "running"

        step(lambda: switchyard.call("migrations", {"name": "heavy", "source": "source", "target": "target", "schema": "heavy", "copy_threads": 4}), running)
        step(lambda: fill(source, 2 * ROWS), lambda: execute(target, f"SELECT COUNT(*) FROM heavy.mark WHERE id={2 * ROWS}")[0][0] == 1)
        switchyard.call("migrations/heavy/cancel", {})
        return figures
    finally:
        switchyard.stop()


def main():
    directory = os.path.join(ROOT, ".lab", f"bench-{os.getpid()}")
    os.makedirs(directory, mode=0o755)
    lab = Lab(os.path.join(directory, "servers"))
    try:
        options = ["--innodb-buffer-pool-size=512M", *(["--innodb-log-file-size=1G"] if "mariadb" in SERVER else ["--innodb-redo-log-capacity=2G"])]
        begun = [lab.begin(SERVER, name, *options) for name in ("source", "target")]
        source, target = (lab.finish(one) for one in begun)
        execute(source, "CREATE DATABASE heavy", "CREATE DATABASE aside", "CREATE TABLE aside.n (n INT NOT NULL PRIMARY KEY)", f"INSERT INTO aside.n VALUES {','.join(f'({n})' for n in range(1000))}",
                "CREATE TABLE heavy.t (id INT NOT NULL PRIMARY KEY, v VARCHAR(2000) NOT NULL)", "CREATE TABLE heavy.mark (id INT NOT NULL PRIMARY KEY)")
        fill(source, 0)
        print(f"{ROWS:,} rows of 2 KB, {source.name} {source.version}, {os.cpu_count()} cores")
        print("| setting | idle | copy | its processor time, seconds | followed | its processor time, seconds |\n|---|---|---|---|---|---|")
        for number, (name, settings) in enumerate(SETTINGS.items()):
            idle, copied, followed = measure(lab, os.path.join(directory, str(number)), source, target, settings)
            print(f"| {name} | {idle} MB | {copied[0]} MB | {copied[1]:.1f} s, {copied[2]:.0f} s | {followed[0]} MB | {followed[1]:.1f} s, {followed[2]:.0f} s |", flush=True)
    finally:
        lab.stop()
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
