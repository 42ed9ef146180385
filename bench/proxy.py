"""Point selects of sysbench: straight to the server, through HAProxy in TCP mode, through Switchyard."""

import json
import os
import re
import secrets
import shutil
import statistics
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "lab", "demo"))

from machinery import Lab, Switchyard, free_ports  # noqa: E402

ROUNDS = 5
SECONDS = 5
ROWS = 100_000
# Name, sysbench's threads, and how statements travel.
CASES = [("text, 1 thread", 1, "disable"), ("text, 8 threads", 8, "disable"), ("prepared, 8 threads", 8, "auto"), ("text, 64 threads", 64, "disable")]


class HaProxy:
    def __init__(self, directory, server_port):
        self.port, = free_ports(1)
        path = os.path.join(directory, "haproxy.cfg")
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"""global
    maxconn 1000
defaults
    mode tcp
    timeout connect 5s
    timeout client 1h
    timeout server 1h
listen mysql
    bind 127.0.0.1:{self.port}
    server one 127.0.0.1:{server_port}
""")
        with open(os.path.join(directory, "haproxy.log"), "ab") as log:
            self.process = subprocess.Popen([*os.environ["HAPROXY"].splitlines(), "-db", "-f", path], stdout=log, stderr=log, start_new_session=True)

    def stop(self):
        self.process.terminate()
        self.process.wait()


def sysbench(port, password, threads, mode, seconds, command="run"):
    words = ["sysbench", "oltp_point_select", "--db-driver=mysql", "--mysql-host=127.0.0.1", f"--mysql-port={port}", "--mysql-user=bench",
             f"--mysql-password={password}", "--mysql-db=bench", "--tables=1", f"--table-size={ROWS}", f"--threads={threads}", f"--db-ps-mode={mode}",
             "--percentile=99", f"--time={seconds}", command]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"sysbench failed: {done.stdout}{done.stderr}")
    return done.stdout


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(port, password, threads, mode, process):
    before = cpu_seconds(process.pid)
    text = sysbench(port, password, threads, mode, SECONDS)
    used = cpu_seconds(process.pid) - before
    queries, rate = re.search(r"queries:\s+(\d+)\s+\(([\d.]+) per sec", text).groups()
    errors = int(re.search(r"ignored errors:\s+(\d+)", text).group(1))
    if errors:
        raise SystemExit(f"sysbench met {errors} errors:\n{text}")
    return {"per_second": float(rate), "p99_ms": float(re.search(r"99th percentile:\s+([\d.]+)", text).group(1)), "cpu_us": used / int(queries) * 1e6}


def spread(values):
    return {"min": round(min(values), 3), "median": round(statistics.median(values), 3), "max": round(max(values), 3)}


def text(values, form="{:.2f}"):
    return " / ".join(form.format(values[name]) for name in ("min", "median", "max"))


def main():
    directory = os.path.join(ROOT, ".lab", f"bench-{os.getpid()}")
    os.makedirs(directory, mode=0o700)
    lab = Lab(os.path.join(directory, "servers"))
    running = []
    try:
        server = lab.finish(lab.begin("mariadb-10.11", "bench"))
        password = secrets.token_hex(16)
        with server.connect().cursor() as cursor:
            cursor.execute("CREATE DATABASE bench")
            cursor.execute("CREATE USER 'bench'@'%%' IDENTIFIED BY %s", (password,))
            cursor.execute("GRANT ALL ON bench.* TO 'bench'@'%'")
            cursor.execute("SELECT @@pid_file")
            with open(cursor.fetchone()[0], encoding="ascii") as file:
                server_process = type("Process", (), {"pid": int(file.read())})
        sysbench(server.port, password, 1, "disable", 1, "prepare")
        haproxy = HaProxy(directory, server.port)
        running.append(haproxy)
        switchyard = Switchyard(directory, {"source": server.dsn}, "source")
        running.append(switchyard)
        switchyard.wait_until_ready()
        paths = [("direct", server.port, server_process), ("haproxy", haproxy.port, haproxy.process), ("switchyard", switchyard.proxy_port, switchyard.process)]
        for _, port, _ in paths:  # caches, and code compiled in earnest
            sysbench(port, password, 8, "disable", 4)

        result = {"server": f"{server.name} {server.version}", "cores": os.cpu_count(), "rounds": ROUNDS, "seconds": SECONDS, "cases": []}
        print(f"Point selects against {result['server']}, {os.cpu_count()} cores shared by sysbench, server and proxy; "
              f"{ROUNDS} rounds of {SECONDS} s, in turn. Figures are min / median / max.", flush=True)
        for name, threads, mode in CASES:
            rounds = []
            for number in range(ROUNDS):
                # In another order every round, so that nobody always follows the same neighbour.
                order = paths[number % 3:] + paths[:number % 3]
                rounds.append({path: measure(port, password, threads, mode, process) for path, port, process in order})
            case = {"name": name, "threads": threads}
            print(f"\n{name}")
            for path, _, _ in paths:
                case[path] = {key: spread([one[path][key] for one in rounds]) for key in ("per_second", "p99_ms", "cpu_us")}
                case[path]["of_direct"] = spread([one[path]["per_second"] / one["direct"]["per_second"] for one in rounds])
                what = "" if path == "direct" else f"   × direct {text(case[path]['of_direct'])}"
                print(f"  {path:<11} {text(case[path]['per_second'], '{:,.0f}')} per second   99 % within {text(case[path]['p99_ms'])} ms   "
                      f"CPU of {'the server' if path == 'direct' else path} {text(case[path]['cpu_us'], '{:.1f}')} µs a query{what}", flush=True)
            case["switchyard_of_haproxy"] = spread([one["switchyard"]["per_second"] / one["haproxy"]["per_second"] for one in rounds])
            print(f"  switchyard × haproxy {text(case['switchyard_of_haproxy'])}", flush=True)
            result["cases"].append(case)
        with open(sys.argv[1], "w", encoding="utf-8") as file:
            json.dump(result, file)
    finally:
        for one in running:
            one.stop()
        lab.stop()
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
