<?php
// PHP's PDO, hard. usage: php pdo.php HOST PORT USER PASSWORD SCHEMA [reads|writes]
[, $host, $port, $user, $password, $schema] = $argv;
$phases = array_slice($argv, 6) ?: ['reads', 'writes'];

function connect(array $options = [], string $charset = 'utf8mb4'): PDO
{
    global $host, $port, $user, $password, $schema;
    return new PDO("mysql:host=$host;port=$port;dbname=$schema;charset=$charset", $user, $password, $options + [PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION]);
}

// What ties a session to its server is left out where the session is to be moved between two.
define('TIES', getenv('CONFORMANCE_MOVES') ? '/\\b(CALL|PREPARE|EXECUTE|DEALLOCATE|GET_LOCK|RELEASE_LOCK)\\b/' : '/$^/');

function show($value): string
{
    $text = is_array($value) ? '[' . implode(', ', array_map('show', $value)) . ']' : ($value === null ? 'NULL' : (is_string($value) ? "'" . (preg_match('//u', $value) ? $value : 'x' . bin2hex($value)) . "'" : var_export($value, true)));
    return strlen($text) < 3000 ? $text : substr($text, 0, 60) . '...' . strlen($text) . '...' . sha1($text);
}

function run(PDO $c, string $sql, array ...$rows): void
{
    if (preg_match(TIES, $sql)) return;
    echo '> ', substr($sql, 0, 200), "\n";
    try {
        $s = $c->prepare($sql);
        foreach ($rows ?: [[]] as $values) {
            foreach ($values as $i => $value) $s->bindValue($i + 1, $value, is_int($value) ? PDO::PARAM_INT : ($value === null ? PDO::PARAM_NULL : (is_bool($value) ? PDO::PARAM_BOOL : PDO::PARAM_STR)));
            $s->execute();
            do {
                if ($s->columnCount() > 0) {
                    for ($i = 0; $i < $s->columnCount(); $i++) { $m = $s->getColumnMeta($i); if ($m) echo '   ', $m['name'], ':', $m['native_type'] ?? '', ':', $m['len'], ':', implode(',', $m['flags']); }
                    echo "\n";
                    foreach ($s->fetchAll(PDO::FETCH_NUM) as $row) echo '   ', show($row), "\n";
                } else {
                    echo '   affected ', $s->rowCount(), ' id ', $c->lastInsertId(), "\n";
                }
            } while ($s->nextRowset());
        }
        $s->closeCursor();
    } catch (PDOException $e) {
        echo '   ', show($e->errorInfo), "\n";
    }
}

function reads(): void
{
    foreach ([true, false] as $emulated) {
        $c = connect([PDO::ATTR_EMULATE_PREPARES => $emulated]);
        run($c, 'SELECT * FROM kinds ORDER BY id');
        run($c, 'SELECT * FROM odd_dates ORDER BY id');
        run($c, 'SELECT ? AS a, n FROM few WHERE n > ?', [1, 2], ['x', '3'], [null, 3], [true, 3], [str_repeat('y', 70000), 3]);
        run($c, 'SELECT * FROM missing');
        run($c, 'SELEC');
        run($c, 'CALL p_results(6, @b, @c)');
        run($c, 'SELECT @b, @c');
        run($c, 'CALL p_fails(1)');
        run($c, 'SELECT 1/0 FROM digits WHERE d = 1');
        run($c, 'SHOW WARNINGS');
        run($c, 'SET SESSION sql_mode = "ANSI_QUOTES"');
        run($c, 'SELECT "n" FROM few ORDER BY "n"');
        $c->setAttribute(PDO::MYSQL_ATTR_USE_BUFFERED_QUERY, false);
        $s = $c->query('SELECT n FROM numbers');
        for ($sum = 0; ($row = $s->fetch(PDO::FETCH_NUM)) !== false;) $sum += $row[0];
        echo "   unbuffered $sum\n";
    }
    run(connect(charset: 'latin1'), "SELECT HEX(v), LENGTH('é') FROM kinds WHERE id = 2");
    run(connect([PDO::ATTR_PERSISTENT => true, PDO::MYSQL_ATTR_INIT_COMMAND => "SET @init = 'done'"]), 'SELECT @init');
    run(connect([PDO::MYSQL_ATTR_COMPRESS => true]), 'SELECT * FROM kinds WHERE id = 4');
    run(connect([PDO::MYSQL_ATTR_MULTI_STATEMENTS => false]), 'SELECT 1; SELECT 2');
    run(connect(), 'SELECT 1; SELECT 2');
    if (getenv('CONFORMANCE_TLS') === '0') return;
    $t = connect([PDO::MYSQL_ATTR_SSL_VERIFY_SERVER_CERT => false, PDO::MYSQL_ATTR_SSL_CIPHER => 'DEFAULT']);
    run($t, 'SELECT * FROM kinds WHERE id = ?', [4]);
}

function writes(): void
{
    foreach ([true, false] as $emulated) {
        $c = connect([PDO::ATTR_EMULATE_PREPARES => $emulated, PDO::MYSQL_ATTR_FOUND_ROWS => $emulated, PDO::MYSQL_ATTR_LOCAL_INFILE => true]);
        run($c, 'TRUNCATE log');
        run($c, 'INSERT INTO log (v, n) VALUES (?, ?)', ['a', 1], ['b', 2], [null, 3], ['c', 1]);
        run($c, 'UPDATE log SET v = ? WHERE n = ?', ['b', 2], ['bb', 2]);
        $c->beginTransaction();
        run($c, 'DELETE FROM log');
        $c->rollBack();
        $c->beginTransaction();
        run($c, 'DELETE FROM log WHERE n = ?', [3]);
        $c->commit();
        run($c, 'SELECT v, n FROM log ORDER BY n');
        run($c, 'CALL p_writes(?)', [70]);
        run($c, 'CALL p_writes(?)', [70]);
        run($c, 'REPLACE INTO big VALUES (?, ?)', [1, str_repeat("\0\xff'\\", 200000)]);
        run($c, 'SELECT LENGTH(b), CRC32(b), b FROM big');
    }
}

foreach ($phases as $phase) $phase();
