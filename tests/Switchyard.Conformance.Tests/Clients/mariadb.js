// node's mariadb connector, hard. usage: node mariadb.js HOST PORT USER PASSWORD SCHEMA [reads|writes]
const mariadb = require('mariadb');
const crypto = require('crypto');
const fs = require('fs'), os = require('os'), path = require('path');
const [host, port, user, password, database, ...phases] = process.argv.slice(2);
const open = more => mariadb.createConnection({ host, port: +port, user, password, database, dateStrings: true, allowPublicKeyRetrieval: true, ...more });

// What ties a session to its server is left out where the session is to be moved between two.
const withTls = process.env.CONFORMANCE_TLS !== '0';
const ties = process.env.CONFORMANCE_MOVES ? /\b(CALL|PREPARE|EXECUTE|DEALLOCATE|GET_LOCK|RELEASE_LOCK)\b/ : /$^/;

function show(value) {
  const text = JSON.stringify(value, (_, v) => v && v.type === 'Buffer' ? 'x' + Buffer.from(v.data).toString('hex') : typeof v === 'bigint' ? v + 'n' : v);
  return text === undefined || text.length < 3000 ? text : `${text.slice(0, 100)}...${text.length}...${crypto.createHash('sha1').update(text).digest('hex')}`;
}

async function run(connection, how, sql, values) {
  if (ties.test(sql.sql || sql)) return;
  console.log('>', how, (sql.sql || sql).slice(0, 200), values && show(values).slice(0, 200));
  try {
    const result = await connection[how](sql, values);
    if (result && result.meta) console.log('  ', Array.isArray(result.meta) ? result.meta.map(m => m && m.name ? [m.name(), m.type, m.columnLength, m.flags].join(':') : show(m)).join(' ') : '');
    (Array.isArray(result) ? result : [result]).forEach(row => console.log('  ', show(row)));
  } catch (error) {
    console.log('  ', error.code, error.errno, error.sqlState, error.sqlMessage);
  }
}

async function reads() {
  const c = await open();
  for (const how of ['query', 'execute']) {
    await run(c, how, 'SELECT * FROM kinds ORDER BY id');
    await run(c, how, 'SELECT * FROM odd_dates ORDER BY id');
    await run(c, how, 'SELECT ? AS a, ? AS b, ? AS c, ? AS d, ? AS e', [1, 'text ü', null, Buffer.from([97, 98]), 1.5]);
    await run(c, how, 'SELECT ? AS a', ['z'.repeat(100000)]);
    await run(c, how, 'SELECT * FROM missing');
    await run(c, how, 'SELECT 1/0, CAST("x" AS SIGNED) FROM digits WHERE d = 1');
    await run(c, how, 'SHOW WARNINGS');
    await run(c, how, 'CALL p_results(?, @b, @c)', [5]);
    await run(c, how, 'CALL p_fails(2)');
    await run(c, how, 'SELECT @b, @c');
  }
  const s = await c.prepare('SELECT ? AS v, n FROM few WHERE n > ? ORDER BY n');
  for (const values of [[1, 2], ['x', '2'], [null, 2.5], [Buffer.from('bin'), 3n], [true, 1], ['y'.repeat(70000), 3]]) {
    console.log(show(await s.execute(values).catch(error => error.sqlMessage)));
  }
  s.close();
  // Sent without waiting for the answers in between.
  console.log(show(await Promise.all([1, 2, 3, 4, 5].map(i => c.query('SELECT ? AS v', [i])))));
  const many = await open({ multipleStatements: true });
  await run(many, 'query', 'SELECT 1; SELECT n FROM few; SET @a = 4; SELECT @a');
  await run(many, 'query', 'SELECT 1; SELEC; SELECT 2');
  await run(c, 'query', 'SELECT 1; SELECT 2');
  let sum = 0, rows = 0;
  for await (const row of c.queryStream('SELECT n FROM numbers')) { sum += row.n; rows++; }
  console.log('streamed', rows, sum);
  await c.ping();
  await run(c, 'query', 'SET @kept = 1');
  await c.reset().catch(error => console.log('reset', error.message));
  await run(c, 'query', 'SELECT @kept, DATABASE()');
  await c.changeUser({ user, password, database: 'mysql' }).catch(error => console.log(error.errno, error.sqlMessage));
  await run(c, 'query', 'SELECT DATABASE()');
  const zipped = await open({ compress: true });
  await run(zipped, 'query', 'SELECT * FROM kinds ORDER BY id');
  await run(zipped, 'execute', 'SELECT ? AS a', ['z'.repeat(200000)]);
  const tls = await open({ ssl: withTls && { rejectUnauthorized: false }, connectAttributes: { purpose: 'conformance' } });
  await run(tls, 'execute', 'SELECT * FROM kinds WHERE id = ?', [4]);
  for (const bad of [{ user: 'nobody' }, { password: 'wrong' }, { database: 'no_such_schema' }]) {
    await open(bad).catch(error => console.log(error.errno, error.sqlState, error.sqlMessage));
  }
  for (const x of [c, many, zipped, tls]) await x.end();
}

async function writes() {
  const c = await open({ permitLocalInfile: true });
  const f = await open({ foundRows: false });
  for (const how of ['query', 'execute']) {
    await run(c, 'query', 'TRUNCATE log');
    await run(c, how, 'INSERT INTO log (v, n) VALUES (?, ?), (?, ?)', ['a', 1, 'b', 2]);
    await run(c, how, 'INSERT INTO log (v, n) VALUES (?, ?)', ['c', 2]);
    await run(c, how, 'UPDATE log SET v = ? WHERE n = ?', ['b', 2]);
    await run(f, how, 'UPDATE log SET v = ? WHERE n = ?', ['b', 2]);
    await run(c, how, 'REPLACE INTO big VALUES (1, ?)', [Buffer.alloc(1500000, 'blob')]);
    await run(c, how, 'SELECT LENGTH(b), CRC32(b), b FROM big');
    await c.beginTransaction();
    await run(c, how, 'INSERT INTO log (v, n) VALUES (?, ?)', ['in transaction', 50]);
    await c.rollback();
    await run(c, how, 'SELECT v, n FROM log ORDER BY n');
  }
  await run(c, 'batch', 'INSERT INTO log (v, n) VALUES (?, ?)', Array.from({ length: 500 }, (_, i) => ['batch' + i, 100 + i]));
  await run(c, 'batch', 'INSERT INTO log (v, n) VALUES (?, ?)', [['x', 1000], ['y', 100], ['z', 1001]]);
  await run(c, 'batch', 'UPDATE log SET v = ? WHERE n = ?', [['u', 100], [null, 101]]);
  await run(c, 'query', 'SELECT COUNT(*), SUM(n), MAX(v) FROM log');
  const file = path.join(os.tmpdir(), `conformance-${database}.csv`);
  fs.writeFileSync(file, Array.from({ length: 3000 }, (_, i) => `f${i}\t${5000 + i}\n`).join(''));
  await run(c, 'query', `LOAD DATA LOCAL INFILE '${file}' INTO TABLE log (v, n)`).finally(() => fs.unlinkSync(file));
  await run(c, 'query', 'SELECT COUNT(*), SUM(n) FROM log');
  await c.end();
  await f.end();
}

(async () => {
  for (const phase of phases.length ? phases : ['reads', 'writes']) await { reads, writes }[phase]();
})().catch(error => { console.log(error); process.exit(1); });
