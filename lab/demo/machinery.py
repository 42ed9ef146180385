"""The servers, Switchyard, and what is left of them afterwards."""

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

import pymysql

from session import tls_context

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class DemoFailed(Exception):
    """What went wrong, as a sentence for the person who watches."""


class Lab:
    """Servers of this run, in a directory of their own."""

    def __init__(self, directory):
        self._environment = {**os.environ, "SWITCHYARD_LAB_DIR": directory}
        self.directory = directory
        self.servers = {}
        self._starting = []

    def begin(self, name, as_id, *options):
        """Starts starting a server, with options of its own; finish() waits for it."""
        process = subprocess.Popen(
            [os.path.join(ROOT, "lab", "server"), "start", name, "--as", as_id, *(["--", *options] if options else [])], env=self._environment,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
        self._starting.append(process)
        return as_id, name, process

    def finish(self, begun):
        as_id, name, process = begun
        output, messages = process.communicate()
        if process.returncode != 0:
            raise DemoFailed(f"{name} did not start: {messages.strip()}")
        self.servers[as_id] = Server(name, output.strip())
        return self.servers[as_id]

    def stop(self, logs_to=None):
        """Ends all of them and deletes their data; keeps their error logs in a directory when asked to."""
        for process in self._starting:
            process.communicate()  # what is half started could not be found and ended
        if logs_to:
            for name in os.listdir(self.directory) if os.path.isdir(self.directory) else []:
                log = os.path.join(self.directory, name, "error.log")
                if os.path.exists(log):
                    shutil.copy(log, os.path.join(logs_to, f"server-{name}.log"))
        subprocess.run([os.path.join(ROOT, "lab", "server"), "stop", "--all", "--wipe"], env=self._environment, check=False,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        shutil.rmtree(self.directory, ignore_errors=True)


class Server:
    def __init__(self, name, dsn):
        self.name = name
        self.dsn = dsn
        self._address = urllib.parse.urlsplit(dsn)
        self.port = self._address.port
        self.needs_tls = name.startswith("mysql-9")
        with self.connect().cursor() as cursor:
            cursor.execute("SELECT @@version")
            self.version = cursor.fetchone()[0].split("-")[0]

    def connect(self):
        """A connection past Switchyard, with every right."""
        return pymysql.connect(host="127.0.0.1", port=self.port, user=self._address.username, password=self._address.password, charset="utf8mb4",
                               autocommit=True, ssl=tls_context() if self.needs_tls else None, connect_timeout=30)


class Switchyard:
    """The executable: one process that serves, and its verbs."""

    def __init__(self, directory, backends, default_backend, *arguments):
        self._directory = directory
        self.proxy_port, self._api_port = free_ports(2)
        self.console = f"http://127.0.0.1:{self._api_port}/"
        self.log = os.path.join(directory, "switchyard.log")
        # Connection strings travel in the environment: a command line can be read by everybody on the machine.
        environment = {**os.environ, **{f"DSN_{name.upper()}": dsn for name, dsn in backends.items()}}
        words = ["serve", "--proxy-listen", f"127.0.0.1:{self.proxy_port}", "--api-listen", f"127.0.0.1:{self._api_port}", "--default-backend", default_backend, *arguments]
        for name in backends:
            words += ["--backend", f"{name}=${{DSN_{name.upper()}}}"]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([executable(), *words], cwd=directory, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            start_new_session=True)

    def wait_until_ready(self, limit=60):
        deadline = time.monotonic() + limit
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise DemoFailed(f"switchyard serve ended with exit code {self.process.returncode}: {tail(self.log)}")
            try:
                with urllib.request.urlopen(self.console + "readyz", timeout=5) as answer:
                    if answer.status == 200:
                        return
            except (urllib.error.URLError, OSError):
                pass
            time.sleep(0.1)
        raise DemoFailed(f"switchyard was not ready after {limit} seconds: {tail(self.log)}")

    def verb(self, *words, accept=(0,), limit=300, while_waiting=None):
        """Runs one verb and returns its JSON."""
        with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as messages:
            process = subprocess.Popen([executable(), *words, "--server", self.console, "--format", "json"], cwd=self._directory,
                                       stdin=subprocess.DEVNULL, stdout=output, stderr=messages)
            deadline = time.monotonic() + limit
            while process.poll() is None:
                if time.monotonic() > deadline:
                    process.kill()
                    process.wait()
                    raise DemoFailed(f"`switchyard {' '.join(words)}` did not end within {limit} seconds")
                if while_waiting:
                    while_waiting()
                time.sleep(0.05)
            output.seek(0), messages.seek(0)
            text, said = output.read().decode(errors="replace").strip(), messages.read().decode(errors="replace").strip()
        if process.returncode not in accept:
            raise DemoFailed(f"`switchyard {' '.join(words)}` ended with exit code {process.returncode}\n{said}\n{text}".strip())
        try:
            return json.loads(text) if text else {}
        except json.JSONDecodeError as error:
            raise DemoFailed(f"`switchyard {' '.join(words)}` printed something that is not JSON ({error}): {text[:300]}") from error

    def call(self, path, body=None, refused=False):
        """The HTTP API's answer to a POST of a body, or to a GET without one: a verb that costs no start of a process."""
        request = urllib.request.Request(f"{self.console}api/v1/{path}", data=None if body is None else json.dumps(body).encode(), headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=300) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            problem = json.load(error)
            if refused and problem.get("exit_code") == 5:
                return problem
            raise DemoFailed(f"{path}: {problem.get('detail') or problem}") from error

    def stop(self):
        """Asks it to end, and insists after a while; returns its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
        return self.process.wait()


def executable():
    return os.path.join(ROOT, "out", "switchyard")


def free_ports(number):
    """Ports the kernel holds to be free at this moment."""
    sockets = [socket.socket() for _ in range(number)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def tail(path, lines=15):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return "\n" + "".join(file.readlines()[-lines:]).rstrip()
    except OSError:
        return "(no log)"
