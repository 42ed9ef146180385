"""A client's connection: every statement is timed, every error is counted once and told."""

import ssl

import pymysql

from values import normal


class Disappointed(Exception):
    """The application got an answer it must never get; counts like an error of the server."""


def tls_context():
    """Encrypted, and not checked: the demo's certificates are signed by nobody."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Session:
    """One connection of one client, with session state that must survive whatever happens behind it."""

    def __init__(self, options, statements, client, autocommit=True):
        self._options = options
        self._statements = statements
        self._client = client
        self._autocommit = autocommit
        self._connection = None
        self.mark = None

    def open(self):
        token = self._statements.begin("connect")
        try:
            self._connection = pymysql.connect(
                host=self._options["host"], port=self._options["port"], user=self._options["user"],
                password=self._options["password"], database=self._options["schema"], charset="utf8mb4",
                ssl=tls_context() if self._options["tls"] else None, autocommit=None,
                connect_timeout=30, read_timeout=60, write_timeout=60)
        finally:
            self._statements.end(token)
        self.run("SET SESSION time_zone = '+00:00', sql_mode = 'STRICT_TRANS_TABLES'")
        if not self._autocommit:
            self.run("SET autocommit = 0")
        self.mark = f"client {self._client} connection {id(self)}"
        self.run("SET @mark := %s", (self.mark,))
        return self

    def run(self, sql, arguments=None):
        """Executes one statement; returns its rows as dictionaries of comparable values."""
        if self._connection is None:
            self.open()
        cursor = self._connection.cursor(pymysql.cursors.DictCursor)
        text = cursor.mogrify(sql, arguments) if arguments else sql
        token = self._statements.begin(sql)
        try:
            cursor.execute(text)
        finally:
            self._statements.end(token)
        self.affected = cursor.rowcount
        self.inserted_id = cursor.lastrowid
        return [{name: normal(name, value) for name, value in row.items()} for row in (cursor.fetchall() if cursor.description else [])]

    def write(self, sql, arguments, rows=1):
        self.run(sql, arguments)
        if self.affected != rows:
            raise Disappointed(f"{self.affected} rows instead of {rows} affected by: {sql}")

    def settle(self):
        """Ends the transaction a session without autocommit is in after any statement."""
        if not self._autocommit:
            self.run("COMMIT")

    def check_state(self):
        """What was set when the connection was opened is still set."""
        row = self.run("SELECT @mark AS mark, @@session.time_zone AS zone, @@session.sql_mode AS mode, @@session.autocommit AS auto, DATABASE() AS db")[0]
        self.settle()
        expected = {"mark": self.mark, "zone": "+00:00", "mode": "STRICT_TRANS_TABLES", "auto": int(self._autocommit), "db": self._options["schema"]}
        if row != expected:
            raise Disappointed(f"the session's state is {row} and was set to {expected}")

    def close(self):
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.close()
            except pymysql.Error:
                pass
