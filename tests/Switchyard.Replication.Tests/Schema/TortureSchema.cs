using Switchyard.Client;

namespace Switchyard.Replication.Tests.Schema;

/// <summary>A schema with everything that is easy to translate wrongly.</summary>
internal static class TortureSchema
{
    internal static IEnumerable<string> Statements(ServerInfo source, ServerInfo target)
    {
        yield return """
            CREATE TABLE child (
              id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT, a INT, b VARCHAR(20) CHARACTER SET latin1, self BIGINT UNSIGNED,
              amount DECIMAL(20,6) NOT NULL DEFAULT 1.5, flag BIT(3) DEFAULT b'101', e ENUM('a','it''s','comma,','ü') NOT NULL DEFAULT 'it''s',
              s SET('x','y') DEFAULT 'x,y', ts TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, ts3 TIMESTAMP(3) NULL DEFAULT NULL,
              dt DATETIME(6) DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6), zero DATETIME NOT NULL DEFAULT '0000-00-00 00:00:00',
              y YEAR, zf INT(8) ZEROFILL, f FLOAT(10,2) DEFAULT -1.5, d DOUBLE DEFAULT 1e20, bin BINARY(16), vb VARBINARY(300) DEFAULT 'x\0y',
              c1 CHAR(3) CHARACTER SET ucs2, c2 VARCHAR(10) COLLATE utf8mb4_bin COMMENT 'comment, with ''quote'', \\ and (paren', c3 VARCHAR(10) CHARACTER SET utf8 NOT NULL DEFAULT 'it''s (',
              note TEXT, `weird ``name` INT, `select` INT, `über` INT DEFAULT NULL,
              PRIMARY KEY (id), UNIQUE KEY u (a,b,self), KEY k_amount (amount), KEY k_prefix (c2(5), y), KEY k_fk (a,b), KEY k_self (self),
              KEY `weird ``key` (`weird ``name`, `select`) COMMENT 'k, (', FULLTEXT KEY ft (note),
              CONSTRAINT fk_parent FOREIGN KEY (a,b) REFERENCES parent (a,b) ON DELETE CASCADE ON UPDATE SET NULL,
              CONSTRAINT fk_self FOREIGN KEY (self) REFERENCES child (id)
            ) ENGINE=InnoDB AUTO_INCREMENT=1000 DEFAULT CHARSET=utf8mb4 COMMENT='it''s a "child"\n (a, b); -- x'
            """;
        yield return "CREATE TABLE parent (a INT NOT NULL, b VARCHAR(20) CHARACTER SET latin1 NOT NULL, note TEXT, PRIMARY KEY (a,b)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4";
        yield return "CREATE TABLE parts (id INT NOT NULL, d DATE NOT NULL, PRIMARY KEY (id, d)) ENGINE=InnoDB DEFAULT CHARSET=latin1 "
            + "PARTITION BY RANGE (YEAR(d)) (PARTITION p0 VALUES LESS THAN (2020), PARTITION p1 VALUES LESS THAN MAXVALUE)";
        yield return "CREATE TABLE keyed (id INT NOT NULL PRIMARY KEY) ENGINE=InnoDB PARTITION BY KEY (id) PARTITIONS 3";
        yield return "CREATE TABLE listed (c VARCHAR(10) NOT NULL PRIMARY KEY) ENGINE=InnoDB DEFAULT CHARSET=latin1 "
            + "PARTITION BY LIST COLUMNS (c) (PARTITION pa VALUES IN ('a','b,'), PARTITION pb VALUES IN ('c)'))";
        yield return "CREATE TABLE plain (x VARCHAR(30) NOT NULL, v INT, UNIQUE KEY ux (x)) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE=utf8_unicode_ci";
        foreach (var statement in source.IsMariaDb ? MariaDb(source, target) : source.Version.Major >= 8 ? MySql(target) : [])
        {
            yield return statement;
        }

        yield return "CREATE VIEW b_view AS SELECT id, amount, c2 FROM child WHERE c2 = 'x'";
        yield return "CREATE VIEW a_view AS SELECT id FROM b_view";
        yield return "CREATE FUNCTION twice (n INT) RETURNS INT DETERMINISTIC NO SQL\nBEGIN\n  -- a comment ; with ' quote\n  RETURN n * 2; /* done */\nEND";
        yield return "CREATE PROCEDURE touch (IN p INT)\nBEGIN\n  # another\n  UPDATE parent SET note = 'ü' WHERE a = twice(p);\nEND";
        yield return "CREATE TRIGGER parent_bi BEFORE INSERT ON parent FOR EACH ROW SET NEW.note = 'fired'";
        yield return "CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY DISABLE DO DELETE FROM parent WHERE a < 0";
    }

    private static IEnumerable<string> MySql(ServerInfo target)
    {
        yield return """
            CREATE TABLE modern (
              id INT NOT NULL PRIMARY KEY, j JSON DEFAULT (json_object('k', 1)), u CHAR(36) DEFAULT (uuid()), t TEXT DEFAULT (concat('a', 'b')),
              name VARCHAR(50) COLLATE utf8mb4_0900_as_cs, other VARCHAR(50) COLLATE utf8mb4_0900_ai_ci,
              jv VARCHAR(20) GENERATED ALWAYS AS (json_unquote(json_extract(j, '$.k'))) VIRTUAL, st INT GENERATED ALWAYS AS (id + 1) STORED NOT NULL,
              hidden INT DEFAULT 7 INVISIBLE, p POINT NOT NULL SRID 4326, n INT CHECK (n > 0), m INT,
              KEY k_desc (name DESC), KEY k_inv (other) INVISIBLE, KEY k_gen (jv), CONSTRAINT soft CHECK (m < 10) NOT ENFORCED, CONSTRAINT hard CHECK (m <> 5)
            ) ENGINE=InnoDB
            """;
        yield return "SET SESSION sql_generate_invisible_primary_key=1";
        yield return "CREATE TABLE keyless (v INT) ENGINE=InnoDB";
        yield return "SET SESSION sql_generate_invisible_primary_key=0";
        if (!target.IsMariaDb)
        {
            yield return "CREATE TABLE functional (id INT PRIMARY KEY, v VARCHAR(20), KEY k_expr ((lower(v))), UNIQUE KEY u_expr ((id + 1))) ENGINE=InnoDB";
            yield return "CREATE TABLE vectors (id INT PRIMARY KEY, v VECTOR(4)) ENGINE=InnoDB";
        }
    }

    private static IEnumerable<string> MariaDb(ServerInfo source, ServerInfo target)
    {
        yield return """
            CREATE TABLE modern (
              id INT NOT NULL PRIMARY KEY, j JSON DEFAULT '{"k": 1}', u CHAR(36) DEFAULT uuid(), t TEXT DEFAULT 'it''s', t2 TEXT DEFAULT concat('a', 'b'), n0 INT DEFAULT (1 + 2),
              name VARCHAR(50) COLLATE utf8mb4_unicode_520_nopad_ci, packed VARCHAR(500) COMPRESSED,
              jv VARCHAR(20) GENERATED ALWAYS AS (json_value(j, '$.k')) VIRTUAL, st INT GENERATED ALWAYS AS (id + 1) STORED,
              hidden INT DEFAULT 7 INVISIBLE, p POINT NOT NULL, n INT CHECK (n > 0), m INT, when_ DATE DEFAULT curdate(),
              KEY k_name (name), KEY k_gen (jv), SPATIAL KEY k_p (p), CONSTRAINT hard CHECK (m <> 5), CHECK (m <> 6)
            ) ENGINE=InnoDB PAGE_COMPRESSED=1
            """;
        yield return "CREATE TABLE modern2 (id INT NOT NULL PRIMARY KEY, m INT, CHECK (m <> 6), CONSTRAINT m CHECK (m > 1)) ENGINE=InnoDB";
        if (source.Version >= new Version(10, 7))
        {
            yield return "CREATE TABLE texts (id UUID NOT NULL PRIMARY KEY, i6 INET6, i4 INET4) ENGINE=InnoDB";
        }
    }
}
