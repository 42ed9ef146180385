"""Compares the tables of one schema on two servers, by a client and expressions that have nothing to do with the product's own.

usage: compare.py HOST:PORT:USER:PASSWORD HOST:PORT:USER:PASSWORD SCHEMA
Prints one JSON document: {"tables": N, "rows": N, "differences": ["table.column key: source / target", ...]}.
"""
import json
import struct
import sys

import pymysql

TEXT = {"char", "varchar", "tinytext", "text", "mediumtext", "longtext"}
BYTES = {"binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob", "vector", "geometry", "point", "linestring", "polygon",
         "multipoint", "multilinestring", "multipolygon", "geometrycollection", "geomcollection"}


def connect(address):
    host, port, user, password = address.split(":")
    connection = pymysql.connect(host=host, port=int(port), user=user, password=password, charset="utf8mb4")
    with connection.cursor() as cursor:
        cursor.execute("SET SESSION time_zone='+00:00', sql_mode='ALLOW_INVALID_DATES'")
        cursor.execute("SELECT VERSION()")
        connection.is_mariadb = "MariaDB" in cursor.fetchone()[0]
    return connection


def query(connection, text, *arguments):
    with connection.cursor() as cursor:
        cursor.execute(text, arguments or None)
        return cursor.fetchall()


def columns(connection, schema):
    tables = {}
    for table, column, kind, full, charset in query(
            connection,
            "SELECT table_name, column_name, data_type, column_type, character_set_name FROM information_schema.columns "
            "WHERE table_schema=%s ORDER BY table_name, ordinal_position", schema):
        charset = {"utf8": "utf8mb3"}.get(charset, charset)
        tables.setdefault(table, {})[column] = (kind.lower(), full.lower(), charset)
    return tables


def expressions(name, here, there):
    """What to read of a column: enough to tell any two values apart."""
    kind, full, charset = here
    quoted = "`" + name.replace("`", "``") + "`"
    if kind in ("float", "double"):
        return [quoted + "*1e0"]
    if kind in ("bit", "enum", "set"):
        return [f"CAST({quoted} AS UNSIGNED)"] + ([f"HEX(CONVERT({quoted} USING utf8mb4))"] if kind != "bit" else [])
    if kind == "json":
        return [f"HEX(CAST({quoted} AS CHAR CHARACTER SET utf8mb4))"] + ([f"JSON_TYPE({quoted})", f"JSON_STORAGE_SIZE({quoted})"] if there[0] == "json" else [])
    if kind in TEXT:
        return [f"HEX(CONVERT({quoted} USING utf8mb4))"] + ([f"HEX({quoted})"] if charset == there[2] else [])
    if kind in BYTES:
        return [f"HEX({quoted})"]
    if kind in ("uuid", "inet4", "inet6"):
        return [f"HEX(CAST({quoted} AS CHAR CHARACTER SET utf8mb4))"]
    if "zerofill" in full:
        return [f"CAST({quoted}+0 AS CHAR)"]
    return [f"CAST({quoted} AS CHAR)"]


def normal(value, keeps_zero_sign):
    if isinstance(value, float):
        return struct.pack("<d", 0.0 if value == 0 and not keeps_zero_sign else value).hex()
    return value


def main():
    source, target, schema = connect(sys.argv[1]), connect(sys.argv[2]), sys.argv[3]
    keeps_zero_sign = not source.is_mariadb and not target.is_mariadb
    ours, theirs = columns(source, schema), columns(target, schema)
    differences = [f"{table} is only on the source" for table in ours.keys() - theirs.keys()]
    differences += [f"{table} is only on the target" for table in theirs.keys() - ours.keys()]
    count = 0
    for table in sorted(ours.keys() & theirs.keys()):
        if list(ours[table]) != list(theirs[table]):
            differences.append(f"{table}: columns {list(ours[table])} / {list(theirs[table])}")
            continue
        names, left, right = [], [], []
        for name in ours[table]:
            a = expressions(name, ours[table][name], theirs[table][name])
            b = expressions(name, theirs[table][name], ours[table][name])
            for one, other in zip(a, b, strict=True):
                names.append(name)
                left.append(one)
                right.append(other)
        rows = []
        for connection, selected in ((source, left), (target, right)):
            found = query(connection, f"SELECT {', '.join(selected)} FROM `{schema}`.`{table}`")
            rows.append(sorted(([normal(v, keeps_zero_sign) for v in row] for row in found), key=lambda r: [str(v) for v in r]))
        count += len(rows[0])
        if len(rows[0]) != len(rows[1]):
            differences.append(f"{table}: {len(rows[0])} rows / {len(rows[1])} rows")
        a, b = ({json.dumps(r) for r in side} for side in rows)
        missing, extra = sorted(a - b)[:5], sorted(b - a)[:5]
        for one, other in zip(missing, extra):
            differences += [f"{table}.{n} ({k}): {x} / {y}"[:500] for n, k, x, y in zip(names, left, json.loads(one), json.loads(other)) if x != y]
        if len(missing) != len(extra):
            differences.append(f"{table}: only on one side: {(missing or extra)[0]}"[:500])
    print(json.dumps({"tables": len(ours), "rows": count, "differences": differences}))


main()
