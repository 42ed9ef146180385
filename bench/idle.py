"""Memory of idle connections: Switchyard and HAProxy in TCP mode, the same clients on both. HAProxy passes TLS through; Switchyard ends it on both sides."""

import json
import os
import resource
import secrets
import shutil
import socket
import ssl
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "lab", "demo"))
sys.path.insert(0, os.path.join(ROOT, "bench"))

import pymysql  # noqa: E402
from machinery import Lab  # noqa: E402
from proxy import HaProxy, make_certificates, start_switchyard  # noqa: E402

CONNECTIONS = 5000


def memory_kb(pid):
    """Anonymous and swapped memory: what the process itself holds, without the files it maps."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        fields = dict(line.split(":", 1) for line in file if ":" in line)
    return sum(int(fields[name].split()[0]) for name in ("RssAnon", "VmSwap"))


def connect(port, password, context):
    client = pymysql.connect(host="127.0.0.1", port=port, user="bench", password=password, connect_timeout=60, ssl=context, ssl_disabled=context is None)
    with client.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.fetchall()
    return client


def measure(process, port, password, context):
    warm = [connect(port, password, context) for _ in range(50)]
    before = memory_kb(process.pid)
    clients = [connect(port, password, context) for _ in range(CONNECTIONS)]
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
        certificates = make_certificates(directory)
        server = lab.finish(lab.begin("mariadb-10.11", "idle", f"--max-connections={CONNECTIONS + 500}", "--open-files-limit=65535", "--table-open-cache=400", *certificates))
        password = secrets.token_hex(16)
        with server.connect().cursor() as cursor:
            cursor.execute("CREATE USER 'bench'@'%%' IDENTIFIED BY %s", (password,))
        context = ssl.create_default_context(cafile=os.path.join(directory, "cacert.pem"))
        context.check_hostname = False  # One for all, so that this program is not what takes the time.
        result = {"server": f"{server.name} {server.version}", "connections": CONNECTIONS}
        for tls in (False, True):
            # Of their own, each time: memory once taken is not all given back.
            haproxy = HaProxy(directory, server.port, CONNECTIONS + 500)
            running.append(haproxy)
            switchyard = start_switchyard(directory, "tls" if tls else "clear", server, tls)
            running.append(switchyard)
            case = result.setdefault("tls", {}) if tls else result
            for name, process, port in (("haproxy", haproxy.process, haproxy.port), ("switchyard", switchyard.process, switchyard.proxy_port)):
                one = case[name] = measure(process, port, password, context if tls else None)
                print(f"{name:<11} {one['before_kb'] / 1024:,.0f} MB before, {one['after_kb'] / 1024:,.0f} MB with {CONNECTIONS:,} idle connections{' with TLS' if tls else ''}: "
                      f"{one['kb_per_connection']:.1f} KB a connection", flush=True)
            print(f"switchyard × haproxy: {case['switchyard']['kb_per_connection'] / case['haproxy']['kb_per_connection']:.2f}", flush=True)
        with open(sys.argv[1], "w", encoding="utf-8") as file:
            json.dump(result, file)
    finally:
        for one in running:
            one.stop()
        lab.stop()
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
