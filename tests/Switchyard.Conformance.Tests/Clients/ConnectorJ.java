import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.security.MessageDigest;
import java.sql.*;
import java.util.*;

/** MariaDB Connector/J, hard. usage: java -cp mariadb-java-client.jar ConnectorJ.java HOST PORT USER PASSWORD SCHEMA [reads|writes] */
public class ConnectorJ {
    static String host, port, user, password, schema;

    static Connection open(String options) throws SQLException {
        return open(options, user, password, schema);
    }

    static Connection open(String options, String as, String with, String in) throws SQLException {
        return DriverManager.getConnection("jdbc:mariadb://" + host + ":" + port + "/" + in + "?user=" + as + "&password=" + with
            + "&allowLocalInfile=true&allowPublicKeyRetrieval=true&" + options);
    }

    /** What ties a session to its server is left out where the session is to be moved between two. */
    static final boolean MOVES = System.getenv("CONFORMANCE_MOVES") != null;

    static String show(Object value) throws Exception {
        String text = value instanceof byte[] bytes ? "x" + HexFormat.of().formatHex(bytes) : String.valueOf(value);
        if (text.length() < 3000) return text;
        return text.substring(0, 60) + "..." + text.length() + "..." + HexFormat.of().formatHex(MessageDigest.getInstance("SHA-1").digest(text.getBytes(StandardCharsets.UTF_8)));
    }

    static void rows(ResultSet r) throws Exception {
        ResultSetMetaData m = r.getMetaData();
        StringBuilder line = new StringBuilder("  ");
        for (int i = 1; i <= m.getColumnCount(); i++)
            line.append(' ').append(m.getColumnLabel(i)).append(':').append(m.getColumnTypeName(i)).append(':').append(m.getPrecision(i)).append(':')
                .append(m.getScale(i)).append(':').append(m.isSigned(i)).append(':').append(m.isNullable(i)).append(':').append(m.getTableName(i));
        System.out.println(line);
        while (r.next()) {
            line = new StringBuilder("  ");
            for (int i = 1; i <= m.getColumnCount(); i++) {
                Object value;
                try { value = m.getColumnTypeName(i).contains("BLOB") || m.getColumnTypeName(i).contains("BINARY") ? r.getBytes(i) : r.getString(i); } catch (SQLException e) { value = e.getMessage(); }
                line.append(" | ").append(show(value));
            }
            System.out.println(line);
        }
    }

    static void results(Statement s, boolean isRows) throws Exception {
        while (true) {
            if (isRows) rows(s.getResultSet()); else if (s.getUpdateCount() == -1) break; else System.out.println("   affected " + s.getUpdateCount());
            isRows = s.getMoreResults();
        }
        for (SQLWarning w = s.getWarnings(); w != null; w = w.getNextWarning()) System.out.println("   warning " + w.getErrorCode() + " " + w.getMessage());
    }

    static void error(SQLException e) {
        // What stands before the server's own words names the connection.
        System.out.println("   " + e.getClass().getSimpleName() + " " + e.getErrorCode() + " " + e.getSQLState() + " " + e.getMessage().replaceAll("\\(conn[^)]*\\) ", "").split("\n")[0]);
    }

    static void run(Connection c, String sql) throws Exception {
        if (MOVES && sql.startsWith("CALL")) return;
        System.out.println("> " + sql);
        try (Statement s = c.createStatement()) { results(s, s.execute(sql)); } catch (SQLException e) { error(e); }
    }

    static void prepared(Connection c, String sql, Object[]... executions) throws Exception {
        System.out.println("? " + sql);
        try (PreparedStatement s = c.prepareStatement(sql, Statement.RETURN_GENERATED_KEYS)) {
            for (Object[] values : executions.length == 0 ? new Object[][] {{}} : executions) {
                for (int i = 0; i < values.length; i++) s.setObject(i + 1, values[i]);
                try {
                    results(s, s.execute());
                    ResultSet keys = s.getGeneratedKeys();
                    while (keys.next()) System.out.println("   key " + keys.getLong(1));
                } catch (SQLException e) { error(e); }
            }
        } catch (SQLException e) { error(e); }
    }

    static void reads() throws Exception {
        for (String mode : new String[] {"useServerPrepStmts=false", "useServerPrepStmts=true", "useServerPrepStmts=true&useCompression=true&cachePrepStmts=false"}) {
            System.out.println("# " + mode);
            try (Connection c = open(mode)) {
                prepared(c, "SELECT * FROM kinds ORDER BY id");
                prepared(c, "SELECT * FROM odd_dates ORDER BY id");
                // Bytes behind a number (a NULL of that type too): MariaDB 10.11 answers with what lies in its memory, and which was before depends on where the statement was prepared.
                prepared(c, "SELECT ? AS a, n FROM few WHERE n > ?", new Object[] {1, 2}, new Object[] {"ü", 3L}, new Object[] {null, 3},
                    new Object[] {MOVES ? "ab" : new byte[] {97, 98}, 3}, new Object[] {1.5, "3"}, new Object[] {Timestamp.valueOf("2020-02-03 04:05:06.789"), 3}, new Object[] {"y".repeat(70000), 3});
                prepared(c, "SELECT * FROM missing");
                run(c, "SELEC");
                run(c, "SELECT 1/0 FROM digits WHERE d = 1");
                run(c, "SHOW WARNINGS");
                run(c, "SET @a = 3");
                run(c, "SELECT @a");
                run(c, "CALL p_fails(1)");
                if (!MOVES) try (CallableStatement s = c.prepareCall("{CALL p_results(?, ?, ?)}")) {
                    s.setInt(1, 8);
                    s.registerOutParameter(2, Types.INTEGER);
                    s.setString(3, "inout");
                    s.registerOutParameter(3, Types.VARCHAR);
                    results(s, s.execute());
                    System.out.println("   out " + s.getInt(2) + " " + s.getString(3));
                } catch (SQLException e) { error(e); }
                try (PreparedStatement s = c.prepareStatement("SELECT n FROM numbers ORDER BY n")) {
                    s.setFetchSize(7);
                    ResultSet r = s.executeQuery();
                    long sum = 0;
                    while (r.next()) sum += r.getLong(1);
                    System.out.println("   fetched " + sum);
                }
                for (int i = 0; i < 40; i++) try (PreparedStatement s = c.prepareStatement("SELECT " + i + " + ?")) { s.setInt(1, i); s.executeQuery().next(); }
                System.out.println("   valid " + c.isValid(3) + " " + c.getCatalog());
                c.setCatalog("mysql");
                run(c, "SELECT DATABASE()");
                c.setCatalog(schema);
                for (int level : new int[] {Connection.TRANSACTION_READ_COMMITTED, Connection.TRANSACTION_SERIALIZABLE, Connection.TRANSACTION_REPEATABLE_READ}) {
                    c.setTransactionIsolation(level);
                    System.out.println("   isolation " + c.getTransactionIsolation());
                }
                c.setReadOnly(true);
                c.setAutoCommit(false);
                run(c, "SELECT COUNT(*) FROM numbers");
                c.rollback();
                System.out.println("   columns " + count(c.getMetaData().getColumns(schema, null, "numbers", null)) + " tables " + count(c.getMetaData().getTables(schema, null, "%", null)));
            }
        }
        try (Connection c = open("allowMultiQueries=true&connectionAttributes=purpose:conformance&sessionVariables=sql_mode=ANSI_QUOTES")) {
            run(c, "SELECT 1; SELECT n FROM few; DO 0; SELECT 'last'");
            run(c, "SELECT 1; SELECT * FROM missing; SELECT 2");
            run(c, "SELECT \"n\" FROM few ORDER BY \"n\"");
        }
        try (Connection c = open("")) {
            run(c, "SELECT 1; SELECT 2");
            try (Statement s = c.createStatement()) {
                s.setQueryTimeout(1);
                s.executeQuery("SELECT SLEEP(30) FROM digits");
            } catch (SQLException e) { System.out.println("   timed out " + e.getClass().getSimpleName()); }
            run(c, "SELECT 'goes on'");
            if (!MOVES) try (Statement s = c.createStatement()) {
                Thread canceller = new Thread(() -> {
                    try (Connection other = open(""); Statement look = other.createStatement()) {
                        while (!look.executeQuery("SELECT 1 FROM information_schema.processlist WHERE info LIKE 'SELECT /* cancel me */%'").next()) Thread.onSpinWait();
                        s.cancel();
                    } catch (SQLException e) { error(e); }
                });
                canceller.start();
                s.executeQuery("SELECT /* cancel me */ SLEEP(60) FROM digits");
            } catch (SQLException e) { System.out.println("   cancelled " + e.getErrorCode()); }
        }
        if (!"0".equals(System.getenv("CONFORMANCE_TLS"))) try (Connection c = open("useSsl=true&trustServerCertificate=true")) { prepared(c, "SELECT * FROM kinds WHERE id = ?", new Object[] {4}); } catch (SQLException e) { error(e); }
        for (String[] bad : new String[][] {{"nobody", password, schema}, {user, "wrong", schema}, {user, password, "no_such_schema"}})
            try (Connection c = open("", bad[0], bad[1], bad[2])) { run(c, "SELECT 1"); } catch (SQLException e) { error(e); }
    }

    static int count(ResultSet r) throws SQLException {
        int n = 0;
        while (r.next()) n++;
        return n;
    }

    static void writes() throws Exception {
        for (String mode : new String[] {"useServerPrepStmts=false", "useServerPrepStmts=true", "useBulkStmts=false&useServerPrepStmts=true", "rewriteBatchedStatements=true", "useBatchMultiSend=true", "useAffectedRows=true"}) {
            System.out.println("# " + mode);
            try (Connection c = open(mode)) {
                run(c, "TRUNCATE log");
                prepared(c, "INSERT INTO log (v, n) VALUES (?, ?)", new Object[] {"a", 1}, new Object[] {"b", 2}, new Object[] {null, 3}, new Object[] {"c", 1});
                prepared(c, "UPDATE log SET v = ? WHERE n = ?", new Object[] {"b", 2}, new Object[] {"bb", 2});
                try (PreparedStatement s = c.prepareStatement("INSERT INTO log (v, n) VALUES (?, ?)", Statement.RETURN_GENERATED_KEYS)) {
                    for (int i = 0; i < 300; i++) { s.setString(1, i % 10 == 0 ? null : "batch" + i); s.setInt(2, 100 + i); s.addBatch(); }
                    int[] counts = s.executeBatch();
                    System.out.println("   batch " + counts.length + " " + Arrays.stream(counts).distinct().boxed().toList());
                    System.out.println("   keys " + count(s.getGeneratedKeys()));
                    s.setString(1, "x"); s.setInt(2, 5000); s.addBatch();
                    s.setString(1, "y"); s.setInt(2, 100); s.addBatch();
                    s.executeBatch();
                } catch (BatchUpdateException e) { error(e); }
                c.setAutoCommit(false);
                Savepoint p = c.setSavepoint("one");
                run(c, "DELETE FROM log WHERE n < 3");
                c.rollback(p);
                run(c, "INSERT INTO log (v, n) VALUES ('kept', 9000)");
                c.commit();
                run(c, "DELETE FROM log");
                c.rollback();
                c.setAutoCommit(true);
                run(c, "SELECT COUNT(*), SUM(n), MIN(v), MAX(v) FROM log WHERE n <> 5000");
                run(c, "CALL p_writes(9001)");
                run(c, "CALL p_writes(9001)");
                try (PreparedStatement s = c.prepareStatement("REPLACE INTO big VALUES (1, ?)")) {
                    byte[] blob = new byte[1500000];
                    for (int i = 0; i < blob.length; i++) blob[i] = (byte) i;
                    s.setBinaryStream(1, new ByteArrayInputStream(blob));
                    System.out.println("   blob " + s.executeUpdate());
                }
                prepared(c, "SELECT LENGTH(b), CRC32(b), b FROM big");
                java.nio.file.Path file = Files.createTempFile("conformance", ".csv");
                StringBuilder lines = new StringBuilder();
                for (int i = 0; i < 2000; i++) lines.append("f").append(i).append('\t').append(10000 + i).append('\n');
                Files.writeString(file, lines);
                try (Statement s = c.createStatement()) { System.out.println("   load " + s.executeUpdate("LOAD DATA LOCAL INFILE '" + file + "' INTO TABLE log (v, n)")); } catch (SQLException e) { System.out.println("   load " + e.getErrorCode()); }
                Files.delete(file);
            }
        }
    }

    public static void main(String[] arguments) throws Exception {
        host = arguments[0]; port = arguments[1]; user = arguments[2]; password = arguments[3]; schema = arguments[4];
        List<String> phases = arguments.length > 5 ? Arrays.asList(arguments).subList(5, arguments.length) : List.of("reads", "writes");
        System.setOut(new java.io.PrintStream(System.out, true, StandardCharsets.UTF_8));
        if (phases.contains("reads")) reads();
        if (phases.contains("writes")) writes();
    }
}
