"""Memory of idle connections: Switchyard and HAProxy in TCP mode, the same clients on both."""

import json
import os
import resource
import secrets
import shutil
import socket
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "lab", "demo"))
sys.path.insert(0, os.path.join(ROOT, "bench"))

import pymysql  # noqa: E402
from machinery import Lab, Switchyard  # noqa: E402
from proxy import HaProxy  # noqa: E402

CONNECTIONS = 5000


def memory_kb(pid):
    """Anonymous and swapped memory: what the process itself holds, without the files it maps."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        fields = dict(line.split(":", 1) for line in file if ":" in line)
    return sum(int(fields[name].split()[0]) for name in ("RssAnon", "VmSwap"))


def connect(port, password):
    client = pymysql.connect(host="127.0.0.1", port=port, user="bench", password=password, connect_timeout=60, ssl_disabled=True)
    with client.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.fetchall()
    return client


def measure(process, port, password):
    warm = [connect(port, password) for _ in range(50)]
    before = memory_kb(process.pid)
    clients = [connect(port, password) for _ in range(CONNECTIONS)]
    after = memory_kb(process.pid)
    for client in clients[::100]:  # they are alive
        with client.cursor() as cursor:
            cursor.execute("SELECT 2")
    for client in warm + clients:
        client.close()
    return {"before_kb": before, "after_kb": after, "kb_per_connection": round((after - before) / CONNECTIONS, 2)}


def main():
    # Each connection is two sockets of the proxy and one of this program.
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    socket.setdefaulttimeout(60)
    directory = os.path.join(ROOT, ".lab", f"idle-{os.getpid()}")
    os.makedirs(directory, mode=0o700)
    lab = Lab(os.path.join(directory, "servers"))
    running = []
    try:
        server = lab.finish(lab.begin("mariadb-10.11", "idle", f"--max-connections={CONNECTIONS + 500}", "--open-files-limit=65535", "--table-open-cache=400"))
        password = secrets.token_hex(16)
        with server.connect().cursor() as cursor:
            cursor.execute("CREATE USER 'bench'@'%%' IDENTIFIED BY %s", (password,))
        haproxy = HaProxy(directory, server.port, CONNECTIONS + 500)
        running.append(haproxy)
        switchyard = Switchyard(directory, {"source": server.dsn}, "source")
        running.append(switchyard)
        switchyard.wait_until_ready()
        result = {"server": f"{server.name} {server.version}", "connections": CONNECTIONS}
        for name, process, port in (("haproxy", haproxy.process, haproxy.port), ("switchyard", switchyard.process, switchyard.proxy_port)):
            result[name] = measure(process, port, password)
            print(f"{name:<11} {result[name]['before_kb'] / 1024:,.0f} MB before, {result[name]['after_kb'] / 1024:,.0f} MB with {CONNECTIONS:,} idle connections: "
                  f"{result[name]['kb_per_connection']:.1f} KB a connection", flush=True)
        print(f"switchyard × haproxy: {result['switchyard']['kb_per_connection'] / result['haproxy']['kb_per_connection']:.2f}", flush=True)
        with open(sys.argv[1], "w", encoding="utf-8") as file:
            json.dump(result, file)
    finally:
        for one in running:
            one.stop()
        lab.stop()
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
