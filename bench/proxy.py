"""sysbench straight to the server, through HAProxy in TCP mode, and through Switchyard."""

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
SECONDS = 3
WARM_SECONDS = 4
WARM_RUNS = 4
ROWS = 100_000
CONNECTIONS = (1, 8, 64)
# Title, sysbench's script, how statements travel, with TLS too.
WORKLOADS = [
    ("point select, text", "oltp_point_select", "disable", (False, True)),
    ("point select, prepared", "oltp_point_select", "auto", (False, True)),
    ("read-write transactions", "oltp_read_write", "auto", (False,)),
    ("large result, 4 MB", os.path.join(ROOT, "bench", "large_result.lua"), "disable", (False,)),
]
SHARES = (("per_second", "queries per second"), ("p99_ms", "99 % within"), ("cpu_us", "processor time a query"))


class HaProxy:
    def __init__(self, directory, server_port, most_connections=1000):
        self.port, = free_ports(1)
        path = os.path.join(directory, "haproxy.cfg")
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"""global
    maxconn {most_connections}
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


def sysbench(directory, script, port, password, threads, mode, seconds, tls=False, command="run"):
    # With TLS its client looks for certificates in the working directory.
    words = ["sysbench", script, "--db-driver=mysql", "--mysql-host=127.0.0.1", f"--mysql-port={port}", "--mysql-user=bench",
             f"--mysql-password={password}", "--mysql-db=bench", "--tables=1", f"--table-size={ROWS}", f"--threads={threads}", f"--db-ps-mode={mode}",
             f"--mysql-ssl={'on' if tls else 'off'}", "--percentile=99", f"--time={seconds}", command]
    done = subprocess.run(words, cwd=directory, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"sysbench failed: {done.stdout}{done.stderr}")
    return done.stdout


def make_certificates(directory):
    """Certificates for the server and for sysbench, under the names sysbench's client knows; the options that show them to the server."""
    def openssl(*words):
        subprocess.run(["openssl", *words], cwd=directory, check=True, capture_output=True)
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=bench", "-keyout", "cakey.pem", "-out", "cacert.pem")
    for name in ("server", "client"):
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", f"{name}-key.pem", "-out", f"{name}.csr")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "cacert.pem", "-CAkey", "cakey.pem", "-CAcreateserial", "-days", "2", "-out", f"{name}-cert.pem")
    return [f"--ssl-{what}={os.path.join(directory, name)}" for what, name in (("ca", "cacert.pem"), ("cert", "server-cert.pem"), ("key", "server-key.pem"))]


def start_switchyard(directory, name, server, tls):
    """Like for like: where the client's connection has no TLS, HAProxy's to the server has none either."""
    settings = os.path.join(directory, "switchyard.yaml")
    with open(settings, "w", encoding="utf-8") as file:
        file.write(f"proxy:\n  tls:\n    certificate: {directory}/server-cert.pem\n    key: {directory}/server-key.pem\n")
    directory = os.path.join(directory, name)
    os.mkdir(directory, mode=0o700)
    switchyard = Switchyard(directory, {"source": f"{server.dsn}?ssl-mode={'required' if tls else 'disabled'}"}, "source", "--config", settings)
    switchyard.wait_until_ready()
    return switchyard


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(directory, script, port, password, threads, mode, tls, process):
    before = cpu_seconds(process.pid)
    output = sysbench(directory, script, port, password, threads, mode, SECONDS, tls)
    used = cpu_seconds(process.pid) - before
    queries, rate = re.search(r"queries:\s+(\d+)\s+\(([\d.]+) per sec", output).groups()
    # Deadlocks are the workload's own, and repeated by it.
    return {"per_second": float(rate), "p99_ms": float(re.search(r"99th percentile:\s+([\d.]+)", output).group(1)), "cpu_us": used / int(queries) * 1e6}


def warm(directory, script, port, password, mode, tls, compiles):
    """Caches; and code compiled in earnest, which takes as many logins as the measured runs have: what they call becomes hot with their number."""
    for _ in range(WARM_RUNS if compiles else 1):
        sysbench(directory, script, port, password, max(CONNECTIONS), mode, WARM_SECONDS if compiles else 1, tls)


def spread(values):
    return {"min": round(min(values), 3), "median": round(statistics.median(values), 3), "max": round(max(values), 3)}


def text(values, form="{:.2f}"):
    return " / ".join(form.format(values[name]) for name in ("min", "median", "max"))


def run_case(title, script, mode, threads, tls, paths, directory, password):
    rounds = []
    for number in range(ROUNDS):
        # In another order every round, so that nobody always follows the same neighbour.
        order = paths[number % len(paths):] + paths[:number % len(paths)]
        rounds.append({path: measure(directory, script, port, password, threads, mode, tls, process) for path, port, process in order})
    case = {"name": title, "threads": threads, "tls": tls}
    print(f"\n{title}, {threads} connection{'s' if threads > 1 else ''}{', TLS' if tls else ''}")
    for path, _, _ in paths:
        case[path] = {key: spread([one[path][key] for one in rounds]) for key in ("per_second", "p99_ms", "cpu_us")}
        print(f"  {path:<11} {text(case[path]['per_second'], '{:,.0f}')} queries per second   99 % within {text(case[path]['p99_ms'])} ms   "
              f"CPU of {'the server' if path == 'direct' else path} {text(case[path]['cpu_us'], '{:.1f}')} µs a query", flush=True)
    shares = []
    for key, what in SHARES:
        case[f"{key}_of_haproxy"] = spread([one["switchyard"][key] / one["haproxy"][key] for one in rounds])
        shares.append(f"{what} {text(case[f'{key}_of_haproxy'])}")
    print(f"  switchyard × haproxy: {', '.join(shares)}", flush=True)
    return case


def print_summary(cases):
    """The middle of the rounds, as a table for the documentation."""
    print(f"\nSwitchyard's share of HAProxy's, at {' / '.join(map(str, CONNECTIONS))} connections\n")
    print(f"| | {' | '.join(what for _, what in SHARES)} |")
    print("|---|" + "---|" * len(SHARES))
    for name, tls in dict.fromkeys((case["name"], case["tls"]) for case in cases):
        row = [case for case in cases if case["name"] == name and case["tls"] == tls]
        cells = (" / ".join(f"{case[f'{key}_of_haproxy']['median']:.2f}" for case in row) for key, _ in SHARES)
        print(f"| {name}{', TLS' if tls else ''} | {' | '.join(cells)} |")


def main():
    directory = os.path.join(ROOT, ".lab", f"bench-{os.getpid()}")
    os.makedirs(directory, mode=0o700)
    lab = Lab(os.path.join(directory, "servers"))
    running = []
    try:
        server = lab.finish(lab.begin("mariadb-10.11", "bench", *make_certificates(directory)))
        password = secrets.token_hex(16)
        with server.connect().cursor() as cursor:
            cursor.execute("CREATE DATABASE bench")
            cursor.execute("CREATE USER 'bench'@'%%' IDENTIFIED BY %s", (password,))
            cursor.execute("GRANT ALL ON bench.* TO 'bench'@'%'")
            cursor.execute("SELECT @@pid_file")
            with open(cursor.fetchone()[0], encoding="ascii") as file:
                server_process = type("Process", (), {"pid": int(file.read())})
        sysbench(directory, "oltp_read_write", server.port, password, 1, "disable", 1, command="prepare")
        haproxy = HaProxy(directory, server.port)
        running.append(haproxy)
        paths = {}
        for tls in (False, True):
            switchyard = start_switchyard(directory, "tls" if tls else "clear", server, tls)
            running.append(switchyard)
            paths[tls] = [("direct", server.port, server_process), ("haproxy", haproxy.port, haproxy.process), ("switchyard", switchyard.proxy_port, switchyard.process)]
            for name, port, _ in paths[tls]:
                for _, script, mode, ways in WORKLOADS:
                    if tls in ways:
                        warm(directory, script, port, password, mode, tls, name == "switchyard")

        result = {"server": f"{server.name} {server.version}", "cores": os.cpu_count(), "rounds": ROUNDS, "seconds": SECONDS, "cases": []}
        print(f"sysbench against {result['server']}, {os.cpu_count()} cores shared by sysbench, server and proxy; {ROUNDS} rounds of {SECONDS} s, in turn. "
              "Figures are min / median / max. HAProxy passes TLS through; Switchyard ends it on both sides.", flush=True)
        for tls in (False, True):
            for title, script, mode, ways in WORKLOADS:
                if tls in ways:
                    result["cases"] += [run_case(title, script, mode, threads, tls, paths[tls], directory, password) for threads in CONNECTIONS]
        print_summary(result["cases"])
        with open(sys.argv[1], "w", encoding="utf-8") as file:
            json.dump(result, file)
    finally:
        for one in running:
            one.stop()
        lab.stop()
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
