<?php
// PHP's mysqli, hard. usage: php mysqli.php HOST PORT USER PASSWORD SCHEMA [reads|writes]
[, $host, $port, $user, $password, $schema] = $argv;
$phases = array_slice($argv, 6) ?: ['reads', 'writes'];
mysqli_report(MYSQLI_REPORT_OFF);

function connect(int $flags = 0, array $options = [], ?string $as = null, ?string $with = null, ?string $in = null): mysqli|false
{
    global $host, $port, $user, $password, $schema;
    $c = mysqli_init();
    $c->options(MYSQLI_OPT_LOCAL_INFILE, true);
    foreach ($options as $name => $value) $c->options($name, $value);
    if (!@$c->real_connect($host, $as ?? $user, $with ?? $password, $in ?? $schema, (int)$port, null, $flags)) {
        echo 'refused ', $c->connect_errno, ' ', $c->connect_error, "\n";
        return false;
    }
    $c->set_charset('utf8mb4');
    return $c;
}

// What ties a session to its server is left out where the session is to be moved between two.
define('TIES', getenv('CONFORMANCE_MOVES') ? '/\\b(CALL|PREPARE|EXECUTE|DEALLOCATE|GET_LOCK|RELEASE_LOCK)\\b/' : '/$^/');

function show($value): string
{
    $text = is_array($value) ? '[' . implode(', ', array_map('show', $value)) . ']' : ($value === null ? 'NULL' : (is_string($value) ? "'" . (preg_match('//u', $value) ? $value : 'x' . bin2hex($value)) . "'" : var_export($value, true)));
    return strlen($text) < 3000 ? $text : substr($text, 0, 60) . '...' . strlen($text) . '...' . sha1($text);
}

function result(mysqli $c, mysqli_result|bool $result): void
{
    if ($result instanceof mysqli_result) {
        foreach ($result->fetch_fields() as $f) echo "   $f->name:$f->orgname:$f->table:$f->length:$f->max_length:$f->charsetnr:$f->flags:$f->type:$f->decimals";
        echo "\n";
        while ($row = $result->fetch_row()) echo '   ', show($row), "\n";
        $result->free();
    }
    echo "   affected $c->affected_rows id $c->insert_id warnings $c->warning_count info $c->info error $c->errno $c->sqlstate $c->error\n";
}

function run(mysqli $c, string $sql, int $mode = MYSQLI_STORE_RESULT): void
{
    if (preg_match(TIES, $sql)) return;
    echo '> ', substr($sql, 0, 200), "\n";
    result($c, $c->query($sql, $mode));
    while ($c->more_results()) { $ok = $c->next_result(); result($c, $ok ? $c->store_result() : false); }
}

function many(mysqli $c, string $sql): void
{
    if (preg_match(TIES, $sql)) return;
    echo '>> ', substr($sql, 0, 200), "\n";
    $ok = $c->multi_query($sql);
    do { result($c, $ok ? $c->store_result() : false); } while ($c->more_results() && ($ok = $c->next_result()) | true);
}

function prepared(mysqli $c, string $sql, string $types = '', array ...$rows): void
{
    if (preg_match(TIES, $sql)) return;
    echo '? ', substr($sql, 0, 200), "\n";
    $s = $c->prepare($sql);
    if (!$s) { echo "   $c->errno $c->sqlstate $c->error\n"; return; }
    foreach ($rows ?: [[]] as $values) {
        if ($types !== '') $s->bind_param($types, ...$values);
        echo '   ', show($values), ' ', var_export($s->execute(), true), " affected $s->affected_rows id $s->insert_id error $s->errno $s->sqlstate $s->error\n";
        do {
            $result = $s->get_result();
            if ($result) { while ($row = $result->fetch_row()) echo '   ', show($row), "\n"; }
        } while ($s->more_results() && $s->next_result());
    }
    $s->close();
}

function reads(): void
{
    $c = connect();
    foreach (['SELECT * FROM kinds ORDER BY id', 'SELECT * FROM odd_dates ORDER BY id', 'SELECT n, w FROM numbers WHERE n < 4', 'SELECT * FROM missing', 'SELEC',
        'SELECT 1/0', "SELECT CAST('x' AS SIGNED) FROM digits WHERE d = 1", 'SHOW WARNINGS', 'CALL p_results(3, @b, @c)', 'SELECT @b, @c', 'CALL p_fails(3)', 'DO 1', 'SET @v = 1', 'SELECT f_twice(4)',
        'EXPLAIN SELECT * FROM few', 'SELECT SQL_CALC_FOUND_ROWS n FROM numbers LIMIT 1', 'SELECT FOUND_ROWS()'] as $sql) run($c, $sql);
    run($c, 'SELECT n FROM numbers WHERE n < 5', MYSQLI_USE_RESULT);
    many($c, 'SELECT 1; DO 0; SELECT n FROM few; SET @a = 5; SELECT @a');
    many($c, 'SELECT 1; SELECT * FROM missing; SELECT 2');
    many($c, 'CALL p_results(1, @b, @c); SELECT 9');
    foreach (['SELECT * FROM kinds ORDER BY id', 'SELECT * FROM odd_dates ORDER BY id', 'CALL p_results(7, @b, @c)', 'SELECT * FROM missing'] as $sql) prepared($c, $sql);
    prepared($c, 'SELECT ? AS a, n FROM few WHERE n > ?', 'si', ['x', 2], [null, 3], [str_repeat('long', 5000), 3]);
    prepared($c, 'SELECT ? AS a, ? AS b', 'di', [1.5, 2], [-0.0, PHP_INT_MAX]);
    prepared($c, 'SELECT ? AS a, ? AS b', 'ss', ["a'\"\\\n", 'ü€😀'], ['1', '']);
    $s = $c->prepare('SELECT LENGTH(?), CRC32(?)');
    $null = null;
    $s->bind_param('bs', $null, $text);
    $text = 'md';
    foreach ([1, 2] as $times) {
        for ($i = 0; $i < 5 * $times; $i++) $s->send_long_data(0, str_repeat('x', 100000));
        $s->execute();
        echo '   long data ', show($s->get_result()->fetch_row()), "\n";
    }
    $s->reset();
    $s->close();
    $s = $c->prepare('SELECT n, w FROM numbers ORDER BY n');
    $s->attr_set(MYSQLI_STMT_ATTR_CURSOR_TYPE, MYSQLI_CURSOR_TYPE_READ_ONLY);
    $s->execute();
    $s->bind_result($n, $w);
    for ($sum = 0, $i = 0; $s->fetch(); $i++) $sum += $n;
    echo "   cursor $i $sum $w\n";
    $s->close();
    $c->select_db('mysql');
    run($c, 'SELECT DATABASE(), @a');
    echo '   no such schema ', var_export($c->select_db('no_such_schema'), true), " $c->errno $c->error\n";
    global $user, $password, $schema;
    echo '   change user ', var_export($c->change_user($user, $password, $schema), true), "\n";
    run($c, 'SELECT DATABASE(), @a');
    $c->set_charset('latin1');
    run($c, "SELECT v, LENGTH('é') FROM kinds WHERE id = 2");
    echo '   charset ', $c->character_set_name(), ' ', var_export($c->ping(), true), ' ', preg_match('/^Uptime: \d+/', $c->stat()), "\n";
    connect(as: 'nobody');
    connect(with: 'wrong');
    connect(in: 'no_such_schema');
    $t = getenv('CONFORMANCE_TLS') === '0' ? null : connect(MYSQLI_CLIENT_SSL | MYSQLI_CLIENT_SSL_DONT_VERIFY_SERVER_CERT);
    if ($t) { run($t, 'SELECT * FROM kinds WHERE id = 4'); prepared($t, 'SELECT * FROM kinds WHERE id = ?', 'i', [4]); }
    $z = connect(MYSQLI_CLIENT_COMPRESS);
    run($z, 'SELECT * FROM kinds ORDER BY id');
    prepared($z, 'SELECT ?', 's', [str_repeat('compress me ', 20000)]);
    $p = [connect(), connect(), connect()];
    foreach ($p as $i => $each) $each->query("SELECT $i AS i, COUNT(*) FROM numbers", MYSQLI_ASYNC);
    foreach ($p as $each) { do { $r = $e = $j = [$each]; } while (!mysqli_poll($r, $e, $j, 5)); echo '   async ', show($each->reap_async_query()->fetch_row()), "\n"; }
}

function writes(): void
{
    $c = connect();
    $f = connect(MYSQLI_CLIENT_FOUND_ROWS);
    foreach (['TRUNCATE log', "INSERT INTO log (v, n) VALUES ('a', 1), ('b', 2)", "INSERT INTO log (v, n) VALUES ('c', 2)", "UPDATE log SET v = 'b' WHERE n = 2",
        "INSERT INTO log (v, n) VALUES ('c', 2) ON DUPLICATE KEY UPDATE v = 'd'", "REPLACE INTO log (v, n) VALUES ('e', 2)", 'SELECT v, n FROM log ORDER BY n',
        'ALTER TABLE log COMMENT = "x"', 'CALL p_writes(9)', 'CALL p_writes(9)', 'SELECT LAST_INSERT_ID() > 0'] as $sql) run($c, $sql);
    run($f, "UPDATE log SET v = 'e' WHERE n = 2");
    $c->autocommit(false);
    run($c, "INSERT INTO log (v, n) VALUES ('t', 10)");
    $c->savepoint('one');
    run($c, "INSERT INTO log (v, n) VALUES ('t', 11)");
    run($c, 'ROLLBACK TO one');
    $c->commit();
    run($c, "DELETE FROM log");
    $c->rollback();
    $c->autocommit(true);
    $c->begin_transaction(MYSQLI_TRANS_START_READ_ONLY);
    run($c, "DELETE FROM log");
    $c->commit();
    run($c, 'SELECT v, n FROM log ORDER BY n');
    prepared($c, 'INSERT INTO log (v, n) VALUES (?, ?)', 'si', ['p', 20], ['q', 21], ['r', 20], [null, 22]);
    prepared($c, 'REPLACE INTO big VALUES (?, ?)', 'is', [1, str_repeat("\0\xff'\\", 200000)]);
    run($c, 'SELECT LENGTH(b), CRC32(b) FROM big');
    $file = tempnam(sys_get_temp_dir(), 'conformance');
    file_put_contents($file, implode('', array_map(fn ($i) => "f$i\t" . (5000 + $i) . "\n", range(1, 3000))));
    foreach ([1, 2] as $_) { $c->query("LOAD DATA LOCAL INFILE '$file' INTO TABLE log (v, n)"); echo "   load $c->affected_rows $c->warning_count $c->info $c->errno\n"; }
    unlink($file);
    run($c, 'SELECT COUNT(*), SUM(n) FROM log');
}

foreach ($phases as $phase) $phase();
