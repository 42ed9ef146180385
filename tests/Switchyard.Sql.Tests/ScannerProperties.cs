using System.Text;
using FsCheck;
using FsCheck.Fluent;

namespace Switchyard.Sql.Tests;

/// <summary>Laws over generated texts. A failure prints its seed; put it into <see cref="Seeded"/> to run it again.</summary>
public sealed class ScannerProperties
{
    private static readonly Config s_config = Config.QuickThrowOnFailure.WithMaxTest(2000).WithQuietOnSuccess(true);

    private static readonly string[] s_fillers =
    [
        " ", "\t", "\n", "/**/", "/* x */", "-- x\n", "--\n", "#x\n", "/*+ X() */", " /*a*/ /*b*/ ", "/* ' */", "/* \" ` */", "-- '\n",
    ];

    [Fact]
    public void No_text_of_any_bytes_throws() =>
        Prop.ForAll(ArbMap.Default.ArbFor<byte[]>(), bytes =>
        {
            foreach (var options in Corpus.Options)
            {
                Check(bytes ?? [], options);
            }
        }).Check(s_config);

    [Fact]
    public void No_mutation_of_a_statement_throws_and_what_is_cached_is_what_a_scan_says()
    {
        var cache = new StatementCache(256);
        Prop.ForAll(Mutated(Corpus.All.ToArray()).ToArbitrary(), sql =>
        {
            var bytes = Encoding.UTF8.GetBytes(sql);
            foreach (var options in Corpus.Options)
            {
                var fresh = Describe.Everything(Check(bytes, options));
                Assert.Equal(fresh, Describe.Everything(cache.GetOrScan(bytes, options)));
                Assert.Equal(fresh, Describe.Everything(cache.GetOrScan(bytes, options)));
            }
        }).Check(s_config);
    }

    [Fact]
    public void Statements_that_differ_in_literals_only_are_cached_as_one_and_said_alike()
    {
        var literals = Gen.Elements("1", "'x'", "'it''s'", "0xFF", "1.5e3", ".5", "NULL", "''", "?", "'/* */'", "'-- '", "\"d\"", "-7", "'a\\'b'", "'*/'");
        var statements = from sql in Gen.Elements(Corpus.All.ToArray())
                         from one in literals
                         from other in literals
                         from count in Gen.Choose(1, 4)
                         select (Fill(sql, one, count), Fill(sql, other, 1));
        Prop.ForAll(statements.ToArbitrary(), pair =>
        {
            var cache = new StatementCache();
            foreach (var options in Corpus.Options)
            {
                foreach (var sql in new[] { pair.Item1, pair.Item2 })
                {
                    var bytes = Encoding.UTF8.GetBytes(sql);
                    Assert.Equal(Describe.Everything(SqlScanner.Scan(bytes, options)), Describe.Everything(cache.GetOrScan(bytes, options)));
                }
            }
        }).Check(s_config);
    }

    [Fact]
    public void What_must_not_go_to_a_replica_does_not_whatever_stands_between_its_words()
    {
        var wrapped = from sql in Gen.Elements(Corpus.NeverPlain)
                      from fillers in Gen.ArrayOf(Gen.Elements(s_fillers), 24)
                      from upper in Gen.Elements(0, 1, 2)
                      from gate in Gen.Elements("", "/*!", "/*!40000 ", "/*!99999 ", "/*M! ")
                      from first in Gen.Choose(0, 6)
                      from length in Gen.Choose(1, 6)
                      select Wrap(sql, fillers, upper, gate, first, length);
        Prop.ForAll(wrapped.ToArbitrary(), sql =>
        {
            foreach (var options in Corpus.Options)
            {
                Assert.False(Check(Encoding.UTF8.GetBytes(sql), options).IsPlainRead, sql);
            }
        }).Check(s_config);
    }

    [Fact]
    public void A_read_with_space_and_comments_between_its_words_stays_a_plain_read()
    {
        var wrapped = from sql in Gen.Elements(Corpus.Plain)
                      from fillers in Gen.ArrayOf(Gen.Elements(s_fillers), 24)
                      select (sql, Wrap(sql, fillers, 0, "", 0, 0));
        Prop.ForAll(wrapped.ToArbitrary(), pair =>
            Assert.Equal(
                Describe.Line(Describe.Scan(pair.sql, Describe.MySql)),
                Describe.Line(Describe.Scan(pair.Item2, Describe.MySql)).Replace(" hints", "", StringComparison.Ordinal))).Check(s_config);
    }

    [Theory]
    [InlineData("(", ")")]
    [InlineData("SELECT (", ")")]
    [InlineData("SELECT * FROM (", ") d")]
    [InlineData("SELECT * FROM (SELECT * FROM ", " d")]
    [InlineData("WITH c AS (", ") SELECT 1")]
    [InlineData("{", "}")]
    [InlineData("SELECT {fn ", "}")]
    [InlineData("EXPLAIN ", "")]
    [InlineData("SET STATEMENT a=1 FOR ", "")]
    [InlineData("/*!", "*/")]
    [InlineData("/*", "*/")]
    [InlineData("((SELECT 1) UNION ", ")")]
    public void Nesting_without_end_is_not_understood_and_ends(string open, string close)
    {
        const int Depth = 20_000;
        var sql = new StringBuilder();
        sql.Insert(0, open, Depth).Append("SELECT 1 FROM t");
        for (var i = 0; i < Depth; i++)
        {
            sql.Append(close);
        }

        foreach (var options in Corpus.Options)
        {
            Check(Encoding.UTF8.GetBytes(sql.ToString()), options);
        }

        Assert.False(Describe.Scan(sql.ToString(), Describe.MariaDb).IsPlainRead);
    }

    [Fact]
    public void Long_lists_are_read_to_their_end()
    {
        var many = string.Join(", ", Enumerable.Range(0, 20_000).Select(i => $"t{i} a{i}"));
        Assert.Equal(20_000, Describe.Scan("SELECT * FROM " + many, Describe.MySql).Tables.Length);
        Assert.Equal(20_000, Describe.Scan("SELECT * FROM " + many + " FOR UPDATE", Describe.MySql).Tables.Count(t => t.Access == TableAccess.LockingRead));
        var variables = string.Join(", ", Enumerable.Range(0, 20_000).Select(i => $"@v{i} := {i}"));
        Assert.Equal(20_000, Describe.Scan("SELECT " + variables, Describe.MySql).AssignedUserVariables.Length);
    }

    /// <summary>A bounded fuzz with a fixed seed, the same on every run.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(20261121)]
    public void Seeded(int seed)
    {
        var random = new Random(seed);
        var statements = Corpus.All.ToArray();
        for (var i = 0; i < 20_000; i++)
        {
            var sql = Mutation.Of(statements[random.Next(statements.Length)], random.Next, random.Next(1, 6));
            Check(Encoding.UTF8.GetBytes(sql), Corpus.Options[random.Next(Corpus.Options.Length)]);
        }
    }

    /// <summary>What holds for every text.</summary>
    private static StatementInfo Check(byte[] sql, ScanOptions options)
    {
        var info = SqlScanner.Scan(sql, options);
        if (info.IsPlainRead)
        {
            Assert.True(info.TablesKnown);
            Assert.All(info.Tables, table => Assert.Equal(TableAccess.Read, table.Access));
            Assert.Equal(SessionEffects.None, info.Effects);
            Assert.All(info.Statements, part => Assert.True(part.Kind is StatementKind.Select or StatementKind.Values or StatementKind.Table));
        }

        if (info.Kind == StatementKind.Unknown)
        {
            Assert.False(info.TablesKnown);
            Assert.True(info.Has(SessionEffects.Opaque));
        }

        StatementShape.Hash(sql, options);
        if (SqlScanner.TryReadSetAssignments(sql, options, out var assignments))
        {
            Assert.All(assignments, assignment => Assert.True(assignment.ValueLength > 0 && assignment.ValueText(sql).Length == assignment.ValueLength));
        }

        return info;
    }

    private static Gen<string> Mutated(string[] statements) =>
        from sql in Gen.Elements(statements)
        from seed in Gen.Choose(0, int.MaxValue - 1)
        from count in Gen.Choose(0, 5)
        select Mutation.Of(sql, new Random(seed).Next, count);

    /// <summary>Every number and string of the statement replaced by <paramref name="count"/> literals.</summary>
    private static string Fill(string sql, string literal, int count) =>
        System.Text.RegularExpressions.Regex.Replace(sql, @"(?<![\w!@.'])\d+(?![\w.])|'[^']*'", _ => string.Join(", ", Enumerable.Repeat(literal, count)));

    /// <summary>Fillers at the spaces; words from <paramref name="first"/> on inside a gate.</summary>
    private static string Wrap(string sql, string[] fillers, int upper, string gate, int first, int length)
    {
        var words = sql.Split(' ');
        var text = new StringBuilder();
        for (var i = 0; i < words.Length; i++)
        {
            if (i > 0)
            {
                // A star before a comment would end a gate.
                text.Append(gate.Length > 0 && words[i - 1].EndsWith('*') ? " " : "").Append(fillers[i % fillers.Length]);
            }

            if (gate.Length > 0 && i == Math.Min(first, words.Length - 1))
            {
                text.Append(' ').Append(gate);
            }

            text.Append(upper == 0 ? words[i] : upper == 1 ? words[i].ToUpperInvariant() : words[i].ToLowerInvariant());
            if (gate.Length > 0 && (i == first + length - 1 || (i == words.Length - 1 && i < first + length - 1)) && i >= Math.Min(first, words.Length - 1))
            {
                text.Append("*/ ");
            }
        }

        return text.ToString();
    }
}
