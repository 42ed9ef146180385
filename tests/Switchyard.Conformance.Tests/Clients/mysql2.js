// node's mysql2, hard. usage: node mysql2.js HOST PORT USER PASSWORD SCHEMA [reads|writes]
const mysql = require('mysql2/promise');
const crypto = require('crypto');
const { Readable } = require('stream');
const [host, port, user, password, database, ...phases] = process.argv.slice(2);
const open = more => mysql.createConnection({
  host, port: +port, user, password, database, dateStrings: true, supportBigNumbers: true, bigNumberStrings: true, ...more });

// What ties a session to its server is left out where the session is to be moved between two.
const withTls = process.env.CONFORMANCE_TLS !== '0';
const ties = process.env.CONFORMANCE_MOVES ? /\b(CALL|PREPARE|EXECUTE|DEALLOCATE|GET_LOCK|RELEASE_LOCK)\b/ : /$^/;

function show(value) {
  const text = JSON.stringify(value, (_, v) => v && v.type === 'Buffer' ? 'x' + Buffer.from(v.data).toString('hex') : typeof v === 'bigint' ? v + 'n' : v);
  return text.length < 3000 ? text : `${text.slice(0, 100)}...${text.length}...${crypto.createHash('sha1').update(text).digest('hex')}`;
}

async function run(connection, how, sql, values) {
  if (ties.test(sql.sql || sql)) return;
  console.log('>', how, (sql.sql || sql).slice(0, 200), values && show(values).slice(0, 200));
  try {
    const [rows, fields] = await connection[how](sql, values);
    const isMany = Array.isArray(fields) && fields.some(f => Array.isArray(f) || f === undefined);
    (isMany ? rows : [rows]).forEach((result, i) => {
      const columns = isMany ? fields[i] : fields;
      console.log('  ', columns ? columns.map(f => [f.name, f.columnType, f.columnLength, f.characterSet, f.flags, f.decimals, f.table, f.orgName].join(':')).join(' ') : '-');
      (Array.isArray(result) ? result : [result]).forEach(row => console.log('  ', show(row)));
    });
  } catch (error) {
    console.log('  ', error.code, error.errno, error.sqlState, error.sqlMessage);
  }
}

async function reads() {
  const c = await open();
  for (const how of ['query', 'execute']) {
    await run(c, how, 'SELECT * FROM kinds ORDER BY id');
    await run(c, how, 'SELECT * FROM odd_dates ORDER BY id');
    await run(c, how, 'SELECT n, w FROM numbers WHERE n BETWEEN ? AND ? ORDER BY n', [3, 6]);
    await run(c, how, 'SELECT ? AS a, ? AS b, ? AS c, ? AS d', [1, 'text ü', null, Buffer.from([97, 98])]);
    await run(c, how, 'SELECT * FROM missing');
    await run(c, how, 'SELEC');
    await run(c, how, 'SELECT 1/0, CAST("x" AS SIGNED) FROM digits WHERE d = 1');
    await run(c, how, 'SHOW WARNINGS');
    await run(c, how, 'CALL p_results(5, @b, @c)');
    await run(c, how, 'CALL p_fails(2)');
    await run(c, how, 'SELECT @b, @c');
    await run(c, how, 'SELECT COUNT(*), SUM(n), AVG(n), MIN(w) FROM numbers');
  }
  // One statement, executed with ever other types of its parameters.
  const s = await c.prepare('SELECT ? AS v, n FROM few WHERE n > ? ORDER BY n');
  for (const values of [[1, 2], ['x', '2'], [null, 2.5], [Buffer.from('bin'), 3n], [new Date(Date.UTC(2020, 1, 2, 3, 4, 5)), true], [{ a: 1 }, 0], ['y'.repeat(70000), 3]]) {
    try {
      console.log(show((await s.execute(values))[0]));
    } catch (error) { console.log(error.code, error.sqlMessage); }
  }
  await s.close();
  for (let i = 0; i < 60; i++) await c.execute(`SELECT ${i} + ? AS v`, [i]);
  c.unprepare('SELECT 3 + ? AS v');
  await run(c, 'execute', 'SELECT 3 + ? AS v', [4]);
  const many = await open({ multipleStatements: true });
  await run(many, 'query', 'SELECT 1; SELECT n FROM few; SET @a = 4; SELECT @a');
  await run(many, 'query', 'SELECT 1; SELEC; SELECT 2');
  await run(many, 'query', 'DO 0; CALL p_results(1, @x, @y); SELECT @x');
  await run(c, 'query', 'SELECT 1; SELECT 2');
  let sum = 0, rows = 0;
  for await (const row of c.connection.query('SELECT n FROM numbers').stream({ highWaterMark: 5 })) { sum += row.n; rows++; }
  console.log('streamed', rows, sum);
  await c.ping();
  // MySQL 5.6 does not understand this driver's change of user.
  if (!/^5\.6/.test(c.connection._handshakePacket.serverVersion)) {
    await c.changeUser({ database: 'mysql' });
    await run(c, 'query', 'SELECT DATABASE(), @b');
    await c.changeUser({ database });
    await run(c, 'query', 'SELECT DATABASE()');
  }
  await run(c, 'execute', 'SELECT 3 + ? AS v', [5]);
  const other = await open({ charset: 'latin1_swedish_ci' });
  await run(other, 'query', 'SELECT v, LENGTH("é") FROM kinds WHERE id = 2');
  for (const bad of [{ user: 'nobody' }, { password: 'wrong' }, { database: 'no_such_schema' }]) {
    await open(bad).catch(error => console.log(error.code, error.errno, error.sqlState, error.sqlMessage));
  }
  const tls = await open({ ssl: withTls ? { rejectUnauthorized: false } : undefined });
  await run(tls, 'query', 'SELECT 1');
  await run(tls, 'execute', 'SELECT * FROM kinds WHERE id = ?', [4]);
  for (const x of [c, many, other, tls]) await x.end();
  const pool = mysql.createPool({ host, port: +port, user, password, database, connectionLimit: 4 });
  const answers = await Promise.all(Array.from({ length: 40 }, (_, i) => pool.execute('SELECT ? * 2 AS v', [i])));
  console.log('pool', answers.map(([rows]) => rows[0].v).join(' '));
  await pool.end();
}

async function writes() {
  const c = await open({ flags: ['-FOUND_ROWS'] });
  const f = await open();
  for (const how of ['query', 'execute']) {
    await run(c, 'query', 'TRUNCATE log');
    await run(c, how, 'INSERT INTO log (v, n) VALUES (?, ?), (?, ?)', ['a', 1, 'b', 2]);
    await run(c, how, 'INSERT INTO log (v, n) VALUES (?, ?)', ['c', 2]);
    await run(c, how, 'INSERT IGNORE INTO log (v, n) VALUES (?, ?)', ['c', 2]);
    await run(c, how, 'UPDATE log SET v = ? WHERE n = ?', ['b', 2]);
    await run(f, how, 'UPDATE log SET v = ? WHERE n = ?', ['b', 2]);
    await run(c, how, 'UPDATE log SET v = ? WHERE n = ?', ['bb', 2]);
    await run(c, how, 'SELECT LAST_INSERT_ID()');
    await run(c, how, 'REPLACE INTO big VALUES (1, ?)', [Buffer.alloc(1500000, 'blob')]);
    await run(c, how, 'SELECT LENGTH(b), CRC32(b), b FROM big');
    await c.beginTransaction();
    await run(c, how, 'INSERT INTO log (v, n) VALUES (?, ?)', ['in transaction', 50]);
    await c.rollback();
    await c.beginTransaction();
    await run(c, how, 'DELETE FROM log WHERE n = ?', [1]);
    await c.commit();
    await run(c, how, 'SELECT v, n FROM log ORDER BY n');
    await run(c, how, 'CALL p_writes(?)', [60]);
    await run(c, how, 'CALL p_writes(?)', [60]);
  }
  const lines = () => Readable.from(Array.from({ length: 3000 }, (_, i) => Buffer.from(`f${i}\t${5000 + i}\n`)));
  await run(c, 'query', { sql: 'LOAD DATA LOCAL INFILE "from the client" INTO TABLE log (v, n)', infileStreamFactory: lines });
  await run(c, 'query', 'SELECT COUNT(*), SUM(n) FROM log');
  await c.end();
  await f.end();
}

(async () => {
  for (const phase of phases.length ? phases : ['reads', 'writes']) await { reads, writes }[phase]();
})().catch(error => { console.log(error); process.exit(1); });
