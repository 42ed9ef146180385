"""PyMySQL and mysqlclient, hard. usage: dbapi.py pymysql|MySQLdb HOST PORT USER PASSWORD SCHEMA [reads|writes]"""
import os
import re
import sys
import tempfile
import threading

name, host, port, user, password, schema = sys.argv[1:7]
phases = sys.argv[7:] or ["reads", "writes"]
driver = __import__(name)
mine = name == "pymysql"
if mine:
    from pymysql.constants import CLIENT
    from pymysql.cursors import SSCursor, DictCursor
else:
    from MySQLdb.constants import CLIENT
    from MySQLdb.cursors import SSCursor, DictCursor


# What ties a session to its server is left out where the session is to be moved between two.
ties = re.compile(r"\b(CALL|PREPARE|EXECUTE|DEALLOCATE|GET_LOCK|RELEASE_LOCK)\b") if os.environ.get("CONFORMANCE_MOVES") else None


def connect(**more):
    more.setdefault("charset", "utf8mb4")
    if not mine and more.pop("tls", False):
        more["ssl"] = {"cipher": "DEFAULT"}
    return driver.connect(host=host, port=int(port), user=user, password=password, database=schema, local_infile=True, **more)


def show(value):
    text = repr(value)
    return text if len(text) < 3000 else f"{text[:100]}...{len(text)}...{hash_of(text)}"


def hash_of(text):
    import hashlib
    return hashlib.sha1(text.encode()).hexdigest()


def run(cursor, sql, arguments=None):
    if ties and ties.search(sql):
        return
    print(">", sql if len(sql) < 200 else sql[:200] + "...", arguments if arguments is None or len(repr(arguments)) < 200 else "...")
    try:
        count = cursor.execute(sql, arguments)
        while True:
            print("  rows", count, "id", cursor.lastrowid, "columns", [column[:7] for column in cursor.description or ()])
            for row in cursor.fetchall():
                print("  ", show(row))
            if not cursor.nextset():
                break
            count = cursor.rowcount
        # MariaDB keeps warnings over statements without tables; they do not outlast a move.
        if not ties:
            print("  warnings", show(warnings(cursor.connection)))
    except (driver.Error, driver.Warning) as error:
        print("  ", type(error).__name__, show(error.args))


def warnings(connection):
    connection.query("SHOW WARNINGS")
    result = connection.store_result() if not mine else connection._result
    return result.fetch_row(maxrows=0) if not mine else result.rows


def kill_when_asleep(connection_id):
    killer = connect().cursor()
    while not killer.execute("SELECT 1 FROM information_schema.processlist WHERE id = %s AND info LIKE '%%SLEEP%%'", (connection_id,)):
        pass
    killer.execute("KILL QUERY %d" % connection_id)


def reads():
    connection = connect(conv={}) if not mine else connect()
    k = connection.cursor()
    for sql in ("SELECT * FROM kinds ORDER BY id", "SELECT * FROM odd_dates ORDER BY id", "SELECT f_twice(21), (SELECT COUNT(*) FROM few)",
                "SELECT 1/0, 'a' + 1, CAST('x' AS SIGNED)", "SELECT * FROM missing", "SELEC", "SELECT 1 WHERE", "SELECT '\U0001F600', _binary'a', NULL",
                "SHOW TABLES", "SHOW CREATE TABLE digits", "SHOW COLUMNS FROM numbers", "DESCRIBE few", "EXPLAIN SELECT * FROM digits WHERE d = 3",
                "SELECT SQL_CALC_FOUND_ROWS n FROM numbers ORDER BY n LIMIT 2", "SELECT FOUND_ROWS()", "DO 1", "SELECT ROW_COUNT()",
                "SET @a = 1, @b = 'text', @c = 1.50, @d = 1e10, @e = NULL, @f = x'4166'", "SELECT @a, @b, @c, @d, @e, @f, @nothing",
                "SELECT @a := @a + 1 FROM digits ORDER BY d", "SELECT @a", "SET NAMES latin1", "SELECT HEX(v), LENGTH(v) FROM kinds WHERE id = 2", "SET NAMES utf8mb4",
                "SET SESSION sql_mode = 'ANSI_QUOTES'", 'SELECT "n" FROM few ORDER BY "n"', "SET SESSION sql_mode = DEFAULT", "SELECT \"n\"",
                "SET time_zone = '+05:00'", "SELECT ts FROM kinds ORDER BY id", "SET time_zone = '+00:00'", "SET SESSION group_concat_max_len = 10",
                "SELECT GROUP_CONCAT(w ORDER BY n) FROM numbers", "SHOW WARNINGS", "SHOW COUNT(*) WARNINGS", "SELECT @@warning_count, @@error_count",
                "PREPARE st FROM 'SELECT n, w FROM numbers WHERE n = ?'", "SET @n = 7", "EXECUTE st USING @n", "DEALLOCATE PREPARE st", "EXECUTE st",
                "START TRANSACTION READ ONLY", "INSERT INTO log (v) VALUES ('no')", "SELECT COUNT(*) FROM numbers", "COMMIT",
                "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", "SELECT 2", "SELECT GET_LOCK('conformance_%s', 0), IS_FREE_LOCK('conformance_%s')" % (name, name),
                "SELECT RELEASE_LOCK('conformance_%s')" % name, "SET no_such_variable = 1", "USE mysql", "SELECT DATABASE()", "USE " + schema, "USE no_such_schema",
                "SELECT LAST_INSERT_ID(55), LAST_INSERT_ID()", "SELECT LAST_INSERT_ID()", "CALL p_results(4, @x, @y)", "SET @y = 'y'", "CALL p_results(4, @x, @y)",
                "SELECT @x, @y", "CALL p_fails(1)", "CALL p_missing()", "SELECT CURRENT_USER(), SUBSTRING_INDEX(USER(), '@', 1), VERSION() = @@version",
                "SELECT /*!50000 5 */ + 1 -- comment\n", "/* leading */ SELECT 3 # trailing", "(SELECT 1) UNION (SELECT 2) ORDER BY 1", "TABLE digits"):
        run(k, sql)
    connection.set_charset("latin1") if mine else connection.set_character_set("latin1")
    run(k, "SELECT v, 'é', LENGTH('é') FROM kinds WHERE id = 2")
    connection.set_charset("utf8mb4") if mine else connection.set_character_set("utf8mb4")
    run(k, "SELECT %s, %s, %s, HEX(%s)", (1, "it's", None, b"\x00\xff"))
    many = connect(client_flag=CLIENT.MULTI_STATEMENTS)
    run(many.cursor(), "SELECT 1; SELECT n FROM few; DO 0; SELECT 'last'")
    run(many.cursor(), "SELECT 1; SELECT * FROM missing; SELECT 2")
    run(many.cursor(), "SET @z = 9; CALL p_results(@z, @x, @y); SELECT @x")
    single = connect(client_flag=0)
    run(single.cursor(), "SELECT 1; SELECT 2")
    for kind, options in ((SSCursor, {}), (DictCursor, {})):
        cursor = connection.cursor(kind)
        cursor.execute("SELECT n, w FROM numbers ORDER BY n")
        print(cursor.fetchone(), cursor.fetchmany(2), len(cursor.fetchall()))
        cursor.close()
    connection.ping()
    connection.select_db("mysql")
    run(k, "SELECT DATABASE()")
    connection.select_db(schema)
    for other in (dict(init_command="SET @init = 'done'"), dict(charset="latin1"), dict(read_timeout=20), dict(tls=True) if not mine else dict(ssl={"ca": None})):
        if os.environ.get("CONFORMANCE_TLS") == "0" and ("tls" in other or "ssl" in other):
            continue
        try:
            c = connect(**other)
            run(c.cursor(), "SELECT @init, @@character_set_client, @@character_set_results, @@collation_connection")
            run(c.cursor(), "SHOW SESSION STATUS LIKE 'Ssl_version'") if "tls" in other or "ssl" in other else None
            c.close()
        except driver.Error as error:
            print(type(error).__name__, error.args)
    for bad in (dict(user="nobody"), dict(password="wrong"), dict(database="no_such_schema")):
        arguments = dict(host=host, port=int(port), user=user, password=password, database=schema)
        arguments.update(bad)
        try:
            driver.connect(**arguments)
        except driver.Error as error:
            print(type(error).__name__, error.args)


def writes():
    connection = connect()
    k = connection.cursor()
    run(k, "TRUNCATE log")
    run(k, "INSERT INTO log (v, n) VALUES ('  a ', 1), ('b', 2)")
    run(k, "SELECT LAST_INSERT_ID()")
    run(k, "INSERT INTO log (v, n) VALUES ('c', 1)")
    run(k, "INSERT IGNORE INTO log (v, n) VALUES ('c', 1), ('d', 4)")
    run(k, "REPLACE INTO log (v, n) VALUES ('e', 1)")
    run(k, "INSERT INTO log (v, n) VALUES ('f', 2) ON DUPLICATE KEY UPDATE v = VALUES(v), id = LAST_INSERT_ID(id)")
    run(k, "UPDATE log SET v = 'f' WHERE n = 2")
    run(k, "UPDATE log SET v = 'g' WHERE n IN (1, 2, 99)")
    run(k, "DELETE FROM log WHERE n = 99")
    connection.commit()
    found = connect(client_flag=CLIENT.FOUND_ROWS)
    run(found.cursor(), "UPDATE log SET v = 'g' WHERE n IN (1, 2)")
    found.rollback()
    run(k, "SAVEPOINT s1")
    run(k, "INSERT INTO log (v, n) VALUES ('h', 8)")
    run(k, "ROLLBACK TO s1")
    run(k, "ROLLBACK TO no_such")
    run(k, "INSERT INTO log (v, n) VALUES ('i', 9)")
    connection.rollback()
    print("many", k.executemany("INSERT INTO log (v, n) VALUES (%s, %s)", [(f"m{i}", 100 + i) for i in range(50)]), k.lastrowid)
    connection.commit()
    run(k, "SELECT v, n FROM log ORDER BY n")
    connection.autocommit(True)
    run(k, "SELECT @@autocommit")
    # Unlike MySQL 5.6 under its GTID rules, all others take this inside and outside of transactions.
    run(k, "CREATE TEMPORARY TABLE tmp (a INT, b VARCHAR(10))")
    run(k, "INSERT INTO tmp VALUES (1, 'x')")
    run(k, "SELECT * FROM tmp")
    run(k, "DROP TEMPORARY TABLE tmp")
    run(k, "LOCK TABLES log WRITE, digits READ")
    run(k, "SELECT COUNT(*) FROM numbers")
    run(k, "UNLOCK TABLES")
    run(k, "SELECT n FROM log ORDER BY n LIMIT 1 FOR UPDATE")
    run(k, "CALL p_writes(777)")
    run(k, "CALL p_writes(777)")
    run(k, "CREATE TABLE made (a INT PRIMARY KEY)")
    run(k, "CREATE TABLE made (a INT PRIMARY KEY)")
    run(k, "DROP TABLE made")
    run(k, "DROP TABLE IF EXISTS made")
    with tempfile.NamedTemporaryFile("w", suffix=".csv", delete=False) as file:
        file.writelines(f"line{i}\t{1000 + i}\n" for i in range(20000))
    print("load", end=" ")
    try:
        print(k.execute("LOAD DATA LOCAL INFILE %s INTO TABLE log (v, n)", (file.name,)))
        print("again", k.execute("LOAD DATA LOCAL INFILE %s INTO TABLE log (v, n)", (file.name,)))
        run(k, "SELECT COUNT(*), SUM(n), MAX(v) FROM log")
    except driver.Error as error:
        print(type(error).__name__, error.args[0])
    finally:
        os.unlink(file.name)
    run(k, "SHOW COUNT(*) WARNINGS")
    blob = bytes(range(256)) * 8000
    run(k, "REPLACE INTO big VALUES (1, %s)", (blob,))
    run(k, "SELECT LENGTH(b), CRC32(b) FROM big")
    run(k, "SELECT b FROM big")
    if not mine:
        connection.change_user(user, password, "mysql")
        run(connection.cursor(), "SELECT DATABASE(), @n, @@autocommit")
    sleeper = connect()
    s = sleeper.cursor()
    s.execute("SELECT CONNECTION_ID()")
    threading.Thread(target=kill_when_asleep, args=s.fetchone()).start()
    run(s, "SELECT 'slept' FROM (SELECT SLEEP(20)) x WHERE 1 = 0 UNION SELECT n FROM log WHERE SLEEP(20) = 1")
    run(s, "SELECT 'still here'")


for phase in phases:
    {"reads": reads, "writes": writes}[phase]()
