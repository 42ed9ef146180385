"""Every ledger against the authoritative server, asked directly and not through the proxy."""

import collections
import glob
import json
import os

import ledger
import shop
from values import normal

KEYS_PER_QUERY = 400


class Verdict:
    def __init__(self):
        self.acknowledged = 0
        self.unknown = 0
        self.rows = 0
        self.lost = 0
        self.invented = 0
        self.samples = []

    def find(self, kind, text):
        setattr(self, kind, getattr(self, kind) + 1)
        if len(self.samples) < 20:
            self.samples.append(text)


def check(connect, directory):
    """Reads all ledgers in a directory and compares. An acknowledged effect that is missing is lost; an effect of
    a write that the server refused is invented; either may be true of a write whose outcome nobody told."""
    verdict = Verdict()
    connection = connect()
    cursor = connection.cursor()
    cursor.execute(f"USE {shop.SCHEMA}")
    cursor.execute("SET time_zone = '+00:00'")
    ledgers = {path: ledger.read(path) for path in sorted(glob.glob(os.path.join(directory, "*.jsonl")))}
    if not ledgers:
        raise RuntimeError(f"no ledger in {directory}")
    journal = _journal(cursor)

    expected, touched_by_unknown = {}, set()
    grown, may_have_grown = collections.Counter(), collections.Counter()
    for path, writes in ledgers.items():
        for write in writes:
            outcome = write.outcome
            line = next(((effect[2]["client"], effect[2]["seq"]) for effect in write.effects if effect[1] == "journal"), None)
            if outcome == "acknowledged":
                verdict.acknowledged += 1
                if line and line not in journal:
                    verdict.find("lost", f"transaction {line} was acknowledged and is not in the journal")
            elif outcome == "unknown":
                verdict.unknown += 1
                if line:
                    # The journal tells, and a transaction has all of its effects or none.
                    outcome = "acknowledged" if line in journal else "refused"
            elif line and line in journal:
                verdict.find("invented", f"transaction {line} was refused and is in the journal")
            for effect in write.effects:
                kind, table, key = effect[:3]
                name = (table, json.dumps(key))
                if kind == "add":
                    (grown if outcome == "acknowledged" else may_have_grown if outcome == "unknown" else collections.Counter())[(table, json.dumps(key), effect[3])] += effect[4]
                elif outcome == "unknown":
                    touched_by_unknown.add(name)
                elif outcome == "acknowledged":
                    if kind == "del":
                        expected[name] = None
                    else:
                        expected[name] = {**(expected.get(name) or {}), **effect[3]}

    by_shape = collections.defaultdict(list)
    for (table, key), columns in expected.items():
        if (table, key) not in touched_by_unknown:
            by_shape[table, tuple(json.loads(key))].append((json.loads(key), columns))
    for (table, names), entries in by_shape.items():
        for start in range(0, len(entries), KEYS_PER_QUERY):
            _compare(cursor, verdict, table, names, entries[start:start + KEYS_PER_QUERY])

    for (table, key, column), least in grown.items():
        keys = json.loads(key)
        cursor.execute(f"SELECT {column} FROM {table} WHERE {' AND '.join(f'{name} = %s' for name in keys)}", tuple(keys.values()))
        actual = int(cursor.fetchone()[0])
        verdict.rows += 1
        if actual < least:
            verdict.find("lost", f"{table} {keys}: {column} is {actual}, the acknowledged additions make {least}")
        elif actual > least + may_have_grown[table, key, column]:
            verdict.find("invented", f"{table} {keys}: {column} is {actual}, the acknowledged additions make {least}")
    connection.close()
    return verdict


def _journal(cursor):
    cursor.execute("SELECT client, seq FROM journal")
    return set(cursor.fetchall())


def _compare(cursor, verdict, table, names, entries):
    columns = sorted({name for _, expected in entries for name in expected or ()})
    asked = list(names) + [name for name in columns if name not in names]
    wanted = ", ".join("(" + ", ".join(["%s"] * len(names)) + ")" for _ in entries)
    cursor.execute(f"SELECT {', '.join(asked)} FROM {table} WHERE ({', '.join(names)}) IN ({wanted})",
                   [value for key, _ in entries for value in key.values()])
    found = {}
    for row in cursor.fetchall():
        values = {name: normal(name, value) for name, value in zip(asked, row)}
        found[tuple(str(values[name]) for name in names)] = values
    for key, expected in entries:
        verdict.rows += 1
        actual = found.get(tuple(str(value) for value in key.values()))
        if expected is None:
            if actual is not None:
                verdict.find("lost", f"{table} {key} was deleted and is there")
        elif actual is None:
            verdict.find("lost", f"{table} {key} was written and is not there")
        else:
            wrong = {name: actual[name] for name, value in expected.items() if actual[name] != value}
            if wrong:
                verdict.find("lost", f"{table} {key} holds {wrong} and was acknowledged as {({name: expected[name] for name in wrong})}")
