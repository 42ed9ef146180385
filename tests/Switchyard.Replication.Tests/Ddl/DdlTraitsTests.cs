using Switchyard.Replication.Ddl;

namespace Switchyard.Replication.Tests.Ddl;

public sealed class DdlTraitsTests
{
    [Theory]
    [InlineData("ALTER TABLE t ENGINE=MyISAM", "MyISAM")]
    [InlineData("ALTER TABLE t ENGINE = 'Aria'", "Aria")]
    [InlineData("ALTER TABLE t ENGINE='MyISAM'", "MyISAM")]
    [InlineData("ALTER TABLE t ENGINE \"memory\"", "memory")]
    [InlineData("CREATE TABLE t (id INT) ENGINE=`MyISAM`", "MyISAM")]
    [InlineData("CREATE TABLE t (id INT) /*!40100 ENGINE='OQGRAPH' */", "OQGRAPH")]
    [InlineData("ALTER TABLE t PARTITION BY HASH(id) (PARTITION p ENGINE='MyISAM')", "MyISAM")]
    [InlineData("CREATE TABLE t (id INT) ENGINE = \"InnoDB\"", null)]
    [InlineData("CREATE TABLE t (id INT) ENGINE=`InnoDB`, COMMENT='('", null)]
    [InlineData("CREATE TABLE t (engine VARCHAR(9) DEFAULT ')' CHECK (engine = 'diesel')) ENGINE=InnoDB", null)]
    [InlineData("ALTER TABLE t ENGINE memory", "memory")]
    [InlineData("CREATE TABLE t (id INT) ENGINE=InnoDB", null)]
    [InlineData("ALTER TABLE t ADD engine INT, ADD `engine2` INT COMMENT 'ENGINE=MyISAM'", null)]
    public void An_engine_is_told_from_a_column_of_that_name(string sql, string? engine) => Assert.Equal(engine, Of(sql).Engine);

    [Theory]
    [InlineData("ALTER TABLE t ADD c CHAR(36) DEFAULT (uuid())", "UUID")]
    [InlineData("ALTER TABLE t ADD COLUMN c INT DEFAULT NEXT VALUE FOR s", "NEXT")]
    [InlineData("ALTER TABLE t ADD c VARCHAR(99) DEFAULT CURRENT_USER", "CURRENT_USER")]
    [InlineData("ALTER TABLE t MODIFY c CHAR(36) DEFAULT (uuid())", null)]
    [InlineData("ALTER TABLE t ADD user INT, ADD uuid CHAR(36), ADD version INT DEFAULT 1", null)]
    [InlineData("ALTER TABLE t ADD c DATETIME DEFAULT CURRENT_TIMESTAMP, ADD KEY (rand)", null)]
    public void A_function_that_fills_an_added_column_is_told_from_a_column_of_that_name(string sql, string? function) => Assert.Equal(function, Of(sql).AddsInvented);

    [Theory]
    [InlineData("ALTER TABLE t ADD c INT AUTO_INCREMENT UNIQUE", true)]
    [InlineData("ALTER TABLE t ADD c INT, AUTO_INCREMENT=500", false)]
    [InlineData("ALTER TABLE t MODIFY id INT AUTO_INCREMENT", false)]
    public void Only_an_added_column_numbers_the_rows_that_are_there(string sql, bool expected) => Assert.Equal(expected, Of(sql).AddsNumbers);

    [Theory]
    [InlineData("ALTER TABLE t ADD SYSTEM VERSIONING", true)]
    [InlineData("ALTER TABLE t ADD PERIOD FOR p (a, b)", true)]
    [InlineData("ALTER TABLE t ADD period INT, ADD `versioning` INT", false)]
    public void History_is_told_from_columns_of_such_names(string sql, bool expected) => Assert.Equal(expected, Of(sql).KeepsHistory);

    private static DdlTraits Of(string sql) => DdlStatement.Parse(sql, "s", 0).Traits;
}
