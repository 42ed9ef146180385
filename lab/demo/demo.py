"""The main job on real servers, watched from the outside. Run it through demo.sh, which installs what it needs."""

import argparse
import json
import os
import secrets
import shutil
import signal
import sys
import time
import traceback

import check
import shop
from fleet import Fleet
from machinery import ROOT, DemoFailed, Lab, Switchyard, tail
from ui import Screen, count, milliseconds

SERVERS = ["mariadb-10.5", "mariadb-10.11", "mariadb-11.8", "mysql-5.6", "mysql-9.7"]
ACCOUNT = "shop_app"
MIGRATION = "shop"
# Statements of each client per second: a lively shop that leaves two cores time for everybody else.
RATE = 45
# How long the clients work between two steps, so that every side has real traffic.
BREATH_SECONDS = 3
VALIDATE_SECONDS = 6


def arguments():
    parser = argparse.ArgumentParser(prog="demo.sh", description="Moves a live shop database from one real server to another and back, under load.")
    parser.add_argument("--from", dest="source", choices=SERVERS, default="mariadb-10.11", metavar="SERVER", help="one of " + ", ".join(SERVERS))
    parser.add_argument("--to", dest="target", choices=SERVERS, default="mariadb-10.11", metavar="SERVER")
    parser.add_argument("--rows", type=at_least(1_000), default=200_000, metavar="N", help="rows of the shop, default 200000")
    parser.add_argument("--clients", type=at_least(1), default=16, metavar="N", help="concurrent clients, default 16")
    parser.add_argument("--json", metavar="FILE", help="write the result there, too")
    parser.add_argument("--keep", action="store_true", help="leave servers and Switchyard running")
    return parser.parse_args()


def at_least(least):
    def number(text):
        value = int(text)
        if value < least:
            raise argparse.ArgumentTypeError(f"at least {least}")
        return value
    return number


class Demo:
    def __init__(self, options):
        self.options = options
        self.screen = Screen()
        self.directory = os.path.join(ROOT, ".lab", f"demo-{os.getpid()}")
        self.lab = Lab(os.path.join(self.directory, "servers"))
        self.switchyard = None
        self.fleet = None
        self.result = {"ok": False, "from": options.source, "to": options.target, "rows_copied": None, "copy_seconds": None, "statements": None,
                       "client_errors": None, "lost_writes": None, "longest_stall_ms": {"switch": None, "reverse": None, "switch_again": None},
                       "diff": {"rows": None, "differences": None}, "console": None}
        self._windows = {}
        self._quiet_since = None
        self._quiet_worst = (0.0, "none", "")
        self._last = (time.monotonic(), 0)
        self._pace = ""
        self._looked = 0.0

    # ---- the phases

    def run(self):
        os.makedirs(self.directory, mode=0o700)
        self.screen.line()
        self.screen.line(f"  {self.screen.paint('Switchyard', 'bold')}: a live shop moves from {self.options.source} to {self.options.target} and back")
        self.screen.line()
        self.start()
        self.fill()
        self.open_shop()
        self.copy()
        self.compare("diff")
        self.validate()
        self.cut_over("switch", "switch", "switched")
        self.cut_over("reverse", "reverse", "reversed")
        self.cut_over("switch_again", "switch", "switched")
        self.compare("diff again")
        self.complete()
        self.close_shop()

    def start(self):
        begun = [self.lab.begin(self.options.source, "source"), self.lab.begin(self.options.target, "target")]
        self.screen.live("servers", "starting (a first start downloads them)")
        self.source, self.target = (self.lab.finish(one) for one in begun)
        self.screen.done("servers", f"{self.source.name} ({self.source.version}) and {self.target.name} ({self.target.version}) are up")
        self.switchyard = Switchyard(self.directory, {"source": self.source.dsn, "target": self.target.dsn}, "source")
        self.screen.live("switchyard", "starting")
        self.switchyard.wait_until_ready()
        self.result["console"] = self.switchyard.console
        self.screen.done("switchyard", f"in front of the source, console at {self.switchyard.console}")

    def fill(self):
        started = time.monotonic()
        rows = shop.load(self.source.connect, shop.Dialect(self.source.name), self.options.rows,
                         lambda so_far: self.screen.live("fill", f"{count(so_far)} rows", so_far / self.options.rows))
        self.password = secrets.token_hex(16)
        connection = self.source.connect()
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE USER '{ACCOUNT}'@'%%' IDENTIFIED BY %s", (self.password,))
            cursor.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {shop.SCHEMA}.* TO '{ACCOUNT}'@'%'")
        connection.close()
        self.screen.done("fill", f"{count(rows)} rows in {len(shop.SHARES) + 1} tables, {time.monotonic() - started:.1f} s")

    def open_shop(self):
        self.fleet = Fleet(self.options.clients, {
            "host": "127.0.0.1", "port": self.switchyard.proxy_port, "user": ACCOUNT, "password": self.password, "schema": shop.SCHEMA,
            # Accounts of MySQL 9 prove themselves by a password that wants a private line.
            "tls": self.source.needs_tls or self.target.needs_tls,
            "rate": RATE, "customers": shop.row_counts(self.options.rows)["customers"]}, self.directory)
        deadline = time.monotonic() + 60
        while True:
            stats = self.fleet.stats()
            if stats["ready"] == self.options.clients:
                break
            if stats["errors"] or time.monotonic() > deadline:
                raise DemoFailed(f"only {stats['ready']} of {self.options.clients} clients could begin to work: {' · '.join(stats['samples'][:3])}")
            self.screen.live("clients", f"{stats['ready']} of {self.options.clients} connected")
            time.sleep(0.1)
        self._quiet_since = time.monotonic()
        self.breathe("clients", BREATH_SECONDS)
        self.screen.done("clients", f"{self.options.clients} at work through Switchyard: {self._pace}")

    def copy(self):
        started = time.monotonic()
        self.verb("copy", "migration", "create", MIGRATION, "--source", "source", "--target", "target", "--schema", shop.SCHEMA)
        limit = time.monotonic() + max(300, self.options.rows / 500)
        while True:
            status = self.verb("copy", "migration", "status", MIGRATION)
            copied = sum(table["rows_copied"] for table in status["tables"])
            about = sum(max(table["rows_estimated"] or 0, table["rows_copied"]) for table in status["tables"])
            if status["state"] == "running":
                break
            if status["state"] not in ("created", "copying"):
                raise DemoFailed(f"the migration is in state {status['state']}: {status.get('error')}")
            if time.monotonic() > limit:
                raise DemoFailed(f"the copy has not ended: {json.dumps(status)[:1000]}")
            self.breathe("copy", 0.5, f"{count(copied)} rows · ", copied / about if about else 0)
        seconds = time.monotonic() - started
        self.result.update(rows_copied=copied, copy_seconds=round(seconds, 2))
        self.screen.done("copy", f"{count(copied)} rows in {seconds:.1f} s, while the shop was open")
        self.note_quiet("while copying")
        while (status.get("stream") or {}).get("lag_seconds") is None or status["stream"]["lag_seconds"] > 2:
            if time.monotonic() > limit:
                raise DemoFailed(f"the stream does not catch up: {json.dumps(status.get('stream'))}")
            self.breathe("in sync", 0.5)
            status = self.verb("in sync", "migration", "status", MIGRATION)
        self.screen.done("in sync", f"the target follows the source, {status['stream']['lag_seconds']:.1f} s behind")
        report = self.verb("accounts", "migration", "accounts", "copy", MIGRATION)
        accounts = ", ".join(f"{one['account']} ({one['credential'].replace('-', ' ')})" for one in report.get("accounts", []))
        self.screen.done("accounts", f"on the target, too: {accounts or 'done'}")

    def compare(self, name):
        started = time.monotonic()
        # Exit code 1 tells of differences, which are reported as what they are.
        report = self.verb(name, "migration", "diff", MIGRATION, "start", "--wait", accept=(0, 1), limit=900)
        rows, differences = report.get("rows"), report.get("differences")
        if rows is None or differences is None or report.get("state") in ("failed", "running", "stopped"):
            raise DemoFailed(f"the comparison did not end: {json.dumps(report)[:1500]}")
        before = self.result["diff"]["differences"] or 0
        self.result["diff"] = {"rows": rows, "differences": before + differences}
        self.screen.done(name, f"{count(rows)} rows compared while both sides changed, {count(differences)} differences, {time.monotonic() - started:.1f} s", differences == 0)
        if differences:
            for table in report.get("tables", []):
                for sample in table.get("samples", [])[:3]:
                    self.screen.line(f"      {table['name']}: {json.dumps(sample, ensure_ascii=False)[:200]}")
        self.note_quiet("while comparing")

    def validate(self):
        self.verb("validate", "migration", "validate", MIGRATION)
        errors = self.breathe("validate", VALIDATE_SECONDS, "reads on the target, writes on the source · ")
        self.screen.done("validate", f"{VALIDATE_SECONDS} s of reads on the target and writes on the source, {'no read was stale' if not errors else f'{errors} errors'}", not errors)
        self.note_quiet("while validating")

    def cut_over(self, name, verb, expected):
        began = time.monotonic()
        errors_before = self.fleet.stats()["errors"]
        report = self.verb(name.replace("_", " "), "migration", verb, MIGRATION, accept=(0,))
        if report.get("result") != expected:
            raise DemoFailed(f"`switchyard migration {verb}` answered {json.dumps(report)[:1500]}")
        # What was held is answered a little after the verb.
        self.breathe(name.replace("_", " "), 1)
        ended = time.monotonic()
        stall, what = self.fleet.longest(began, ended)
        errors = self.fleet.stats()["errors"] - errors_before
        self.result["longest_stall_ms"][name] = round(stall, 1)
        self._windows[name] = report
        self.screen.done(name.replace("_", " "),
                         f"longest wait of any client {milliseconds(stall)} ({count(report.get('held_statements', 0))} statements held), {errors} errors", not errors)
        self._quiet_since = ended
        self.breathe(name.replace("_", " "), BREATH_SECONDS, "the shop goes on · ")
        self.note_quiet(f"after {verb}")

    def complete(self):
        self.verb("complete", "migration", "complete", MIGRATION)
        self.breathe("complete", BREATH_SECONDS, "on the target alone · ")
        self.screen.done("complete", "the target is on its own, and the shop is still open")
        self.note_quiet("after complete")

    def close_shop(self):
        self.screen.live("check", "the clients finish what they do")
        if not self.fleet.stop():
            raise DemoFailed("some clients did not come to an end within 90 seconds: their statements hang")
        stats = self.fleet.stats()
        self.result.update(statements=stats["statements"], client_errors=stats["errors"])
        self.half, self.most = self.fleet.percentiles(0.5, 0.99)
        self.screen.live("check", "every ledger against the target, asked directly")
        self.verdict = check.check(self.target.connect, os.path.join(self.directory, "ledgers"))
        self.result.update(lost_writes=self.verdict.lost, invented_writes=self.verdict.invented, acknowledged_writes=self.verdict.acknowledged)
        self.screen.done("check", f"{count(self.verdict.acknowledged)} acknowledged writes looked up on the target ({count(self.verdict.rows)} rows): "
                                  f"{self.verdict.lost} lost", self.verdict.lost == 0 and self.verdict.invented == 0)

    # ---- what the phases share

    def verb(self, phase, *words, **more):
        return self.switchyard.verb(*words, while_waiting=lambda: self.pulse(phase), **more)

    def breathe(self, phase, seconds, prefix="", share=None):
        """Lets the clients work; returns how many errors they have had so far."""
        until = time.monotonic() + seconds
        while True:
            stats = self.pulse(phase, prefix, share)
            left = until - time.monotonic()
            if left <= 0:
                return (stats or self.fleet.stats())["errors"]
            time.sleep(min(left, 0.25))

    def pulse(self, phase, prefix="", share=None):
        """One look at the clients for the live line, at most four a second."""
        now = time.monotonic()
        if now - self._looked < 0.25:
            return None
        self._looked = now
        if self.switchyard.process.poll() is not None:
            raise DemoFailed(f"switchyard serve ended with exit code {self.switchyard.process.returncode}: {tail(self.switchyard.log)}")
        stats = self.fleet.stats()
        since, statements = self._last
        if now - since >= 1:
            self._pace = f"{count(round((stats['statements'] - statements) / (now - since)))} statements/s"
            self._last = (now, stats["statements"])
        slowest, _ = self.fleet.longest(now - 1, now)
        self.screen.live(phase, f"{prefix}{self._pace or 'clients at work'}, {stats['errors']} errors, slowest {milliseconds(slowest)}", share)
        return stats

    def note_quiet(self, when):
        """The longest statement since the last switch or note: what a switch has to be compared with."""
        now = time.monotonic()
        worst, what = self.fleet.longest(self._quiet_since, now)
        if worst > self._quiet_worst[0]:
            self._quiet_worst = (worst, what, when)
        self._quiet_since = now

    # ---- the end

    def judge(self):
        result = self.result
        result["ok"] = bool(result["client_errors"] == 0 and result["lost_writes"] == 0 and result.get("invented_writes") == 0 and result["diff"]["differences"] == 0)
        return result["ok"]

    def report(self):
        screen, result = self.screen, self.result
        paint = screen.paint
        stalls = result["longest_stall_ms"]

        def row(name, text):
            screen.line(f"  {paint(f'{name:<15}', 'cyan')} {text}")

        def good(number, what):
            return paint(f"{count(number)} {what}", "green" if number == 0 else "red")

        screen.line()
        screen.line(f"  {paint('─' * 74, 'dim')}")
        row("Moved", f"{self.source.name} ({self.source.version}) → {self.target.name} ({self.target.version}), there, back, and there again")
        row("Rows", f"{count(result['rows_copied'])} copied in {result['copy_seconds']} s; {count(result['diff']['rows'])} compared, {good(result['diff']['differences'], 'differences')}")
        row("Clients", f"{self.options.clients}, {count(result['statements'])} statements, {good(result['client_errors'], 'errors')}; "
                       f"half within {milliseconds(self.half)}, 99 % within {milliseconds(self.most)}")
        row("Writes", f"{count(self.verdict.acknowledged)} acknowledged, {good(self.verdict.lost, 'lost')}, {good(self.verdict.invented, 'invented')}")
        for name, title in (("switch", "Switch"), ("reverse", "Reverse"), ("switch_again", "Switch again")):
            held = self._windows[name]
            steps = "  ".join(f"{step['name']} {step['ms']:.0f}" for step in held.get("steps", []) if step["ms"] >= 1)
            row(title, f"longest wait {paint(milliseconds(stalls[name]), 'bold')}, {count(held.get('held_statements', 0))} statements held" +
                (f"  {paint('(' + steps + ')', 'dim')}" if steps else ""))
        worst, _, when = self._quiet_worst
        row("For comparison", f"longest wait with no switch going on {milliseconds(worst)} ({when})")
        screen.line(f"  {paint('─' * 74, 'dim')}")
        if result["ok"]:
            screen.line(f"  {paint('No client saw an error, every acknowledged write is there, both sides agree.', 'green')}")
        else:
            screen.line(f"  {paint('This must not happen:', 'red')}")
            for text in self.fleet.stats()["samples"][:8] + self.verdict.samples[:8]:
                screen.line(f"    {text[:300]}")
        screen.line()


def main():
    options = arguments()
    demo = Demo(options)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    began = time.monotonic()
    finished = False
    try:
        demo.run()
        demo.judge()
        finished = True
        demo.report()
    except KeyboardInterrupt:
        demo.screen.line("  interrupted; cleaning up")
        demo.result["failed"] = "interrupted"
    except Exception as error:
        text = str(error) if isinstance(error, DemoFailed) else f"{type(error).__name__}: {error}"
        demo.screen.done("failed", text, ok=False)
        demo.result["failed"] = text
        with open(os.path.join(demo.directory, "traceback.log"), "w", encoding="utf-8") as file:
            traceback.print_exc(file=file)
        show_client_errors(demo)
    finally:
        end(demo, options)
    demo.result["seconds"] = round(time.monotonic() - began, 1)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(demo.result, file, indent=2)
            file.write("\n")
    return 0 if finished and demo.result["ok"] else 1


def show_client_errors(demo):
    try:
        stats = demo.fleet.stats() if demo.fleet else None
    except (RuntimeError, OSError):
        return
    if stats:
        demo.result.update(statements=stats["statements"], client_errors=stats["errors"])
        for text in stats["samples"][:5]:
            demo.screen.line(f"    {text[:300]}")


def end(demo, options):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if demo.fleet:
        demo.fleet.kill()
    ok = demo.result["ok"]
    if options.keep:
        if demo.switchyard and demo.switchyard.process.poll() is None:
            line = demo.screen.line
            line(f"  Everything runs on. Connect to the shop:  mysql://{ACCOUNT}:{demo.password}@127.0.0.1:{demo.switchyard.proxy_port}/{shop.SCHEMA}")
            line(f"  The console:                              {demo.switchyard.console}")
            line(f"  Logs and data:                            {demo.directory}")
            line(f"  To end it:  kill {demo.switchyard.process.pid}; SWITCHYARD_LAB_DIR={demo.lab.directory} {ROOT}/lab/server stop --all --wipe")
        return
    if demo.switchyard and demo.switchyard.stop() != 0:
        ok = demo.result["ok"] = False
        demo.result.setdefault("failed", "Switchyard did not stop in good order")
        demo.screen.done("failed", f"switchyard serve ended with exit code {demo.switchyard.process.returncode}: {tail(demo.switchyard.log)}", ok=False)
    demo.lab.stop(logs_to=None if ok else demo.directory)
    if ok:
        shutil.rmtree(demo.directory, ignore_errors=True)
    elif os.path.isdir(demo.directory):
        demo.screen.line(f"  Logs of Switchyard, the servers and the clients, and the ledgers: {demo.directory}")


def interrupt(*_):
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
