using System.Text;

namespace Switchyard.Sql.Tests;

/// <summary>Bodies of stored routines, and statements that call them.</summary>
public sealed class RoutineTests
{
    [Theory]
    [InlineData("SELECT a FROM t", "Call R:s.t")]
    [InlineData("BEGIN END", "Call")]
    [InlineData("INSERT INTO t (a) VALUES (p)", "Call W:s.t")]
    [InlineData("RETURN p + (SELECT MAX(a) FROM other.t)", "Call R:other.t")]
    [InlineData("SET @a = p + 1", "Call {SetsUserVariables, UsesUserVariables} @a=")]
    [InlineData("SET p = p + 1", "Call")]
    [InlineData("SET NEW.a = IFNULL(NEW.a, 1), @n = NEW.b", "Call {SetsUserVariables, UsesUserVariables} @n=")]
    [InlineData("SET SESSION sql_mode = ''", "Call {SetsSessionVariables} @@sql_mode")]
    [InlineData("BEGIN DECLARE a, b INT DEFAULT 0; DECLARE c VARCHAR(20) CHARACTER SET utf8mb4; SET a = 1, b = a; SELECT n INTO c FROM t LIMIT 1; END", "Call R:s.t")]
    [InlineData("BEGIN IF p > (SELECT COUNT(*) FROM u) THEN DELETE FROM t; ELSEIF p = 1 THEN UPDATE v SET a = 1; ELSE DO 0; END IF; END", "Call R:s.u W:s.t W:s.v")]
    [InlineData("BEGIN CASE p WHEN 1 THEN SET @a = CASE WHEN p THEN 1 ELSE 2 END; ELSE BEGIN END; END CASE; END", "Call {SetsUserVariables, UsesUserVariables} @a=")]
    [InlineData("CASE WHEN p = 1 THEN INSERT INTO t VALUES (1); END CASE", "Call W:s.t")]
    [InlineData("l: BEGIN w: WHILE p > 0 DO SET p = p - 1; IF p = 3 THEN LEAVE l; END IF; ITERATE w; END WHILE w; REPEAT SET p = p + 1; UNTIL p > 3 END REPEAT; x: LOOP LEAVE x; END LOOP x; END l", "Call")]
    [InlineData("BEGIN DECLARE done INT DEFAULT FALSE; DECLARE c CURSOR FOR SELECT a FROM t; DECLARE CONTINUE HANDLER FOR NOT FOUND, SQLSTATE '02000' SET done = TRUE; OPEN c; FETCH c INTO p; CLOSE c; END", "Call R:s.t")]
    [InlineData("BEGIN DECLARE EXIT HANDLER FOR SQLEXCEPTION BEGIN ROLLBACK; RESIGNAL; END; START TRANSACTION; INSERT INTO t VALUES (1); COMMIT; END", "Call W:s.t {BeginsTransaction, EndsTransaction, ImplicitCommit}")]
    [InlineData("BEGIN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no'; END", "Call")]
    [InlineData("BEGIN DELETE a FROM t AS a; DELETE a FROM u AS a; END", "Call W:s.t W:s.u")]
    [InlineData("BEGIN CREATE TEMPORARY TABLE x (a INT); DROP TEMPORARY TABLE x; END", "Call W:s.x {CreatesTemporaryTable, DropsTemporaryTable}")]
    [InlineData("BEGIN SET @q = 'SELECT 1'; PREPARE q FROM @q; EXECUTE q; END", "Call ? {SetsUserVariables, UsesUserVariables, PreparesStatement, ExecutesPrepared, Opaque} @q=")]
    [InlineData("BEGIN FOR i IN 1..3 DO SELECT 1; END FOR; END", "Unknown ? {Opaque}")]
    [InlineData("BEGIN SELECT 1 END", "Unknown ? {Opaque}")]
    [InlineData("BEGIN WHAT IS THIS; END", "Unknown ? {Opaque}")]
    [InlineData("", "Unknown ? {Opaque}")]
    public void A_body_does_what_any_of_its_branches_may_do(string body, string expected)
    {
        var line = Describe.Line(Body(body));
        Assert.True(line == expected, $"{body}\n    expected {expected}\n    actual   {line}");
    }

    [Fact]
    public void A_call_does_what_the_routine_and_those_it_calls_do()
    {
        var bodies = new Dictionary<string, StatementInfo>
        {
            ["s.outer_one"] = Body("BEGIN CALL inner_one(p); UPDATE t SET a = f(a); END"),
            ["s.inner_one"] = Body("BEGIN SET @x = 1; CALL outer_one(1); END"),
            ["s.f"] = Body("RETURN (SELECT MAX(a) FROM u)"),
        };
        var call = Expand("CALL outer_one(@out)", bodies);
        Assert.Equal("Call R:s.u W:s.t {SetsUserVariables, UsesUserVariables, SetsLastInsertId} @out= @x=", Sorted(call));
        Assert.Null(call.RoutineReason);
        Assert.True(call.MayWrite);

        var read = Expand("SELECT f(a), b FROM v", bodies);
        Assert.Equal("Select R:s.u R:v", Sorted(read));
        Assert.False(read.IsPlainRead);
        Assert.False(read.MayWrite);

        // A name that is no routine is a function of the server's that we do not know.
        Assert.Equal("Select R:v", Sorted(Expand("SELECT some_loaded_function(a) FROM v", bodies)));
    }

    [Theory]
    [InlineData("BEGIN CREATE TEMPORARY TABLE x (a INT); END", "s.p, which creates or drops a temporary table")]
    [InlineData("BEGIN DO GET_LOCK('a', 1); END", "s.p, which takes or releases a lock with GET_LOCK or RELEASE_LOCK")]
    [InlineData("BEGIN PREPARE q FROM 'SELECT 1'; END", "s.p, which prepares or executes a statement (PREPARE)")]
    [InlineData("BEGIN SELECT 1 END", "s.p, which has a statement that is not understood")]
    [InlineData("CALL elsewhere.p()", "elsewhere.p, whose definition could not be read")]
    public void A_routine_that_leaves_what_is_not_followed_is_named_with_what_it_leaves(string body, string reason)
    {
        foreach (var statement in (string[])["CALL s.p()", "SELECT 1; CALL s.p()", "CALL q()"])
        {
            var expanded = Expand(statement, new() { ["s.p"] = Body(body), ["s.q"] = Body("CALL p()") });
            Assert.Equal(reason, expanded.RoutineReason);
            Assert.True(expanded.Has(SessionEffects.CallsProcedure));
        }
    }

    [Theory]
    [InlineData("CALL p((SELECT MAX(a) FROM t))")]
    [InlineData("CALL p(1), 2 FROM `t`")]
    public void Tables_within_a_calls_parameters_are_not_claimed_to_be_known(string call) =>
        Assert.False(Expand(call, new() { ["s.p"] = Body("DO 0") }).TablesKnown);

    [Fact]
    public void Bodies_cut_off_anywhere_are_read_to_an_end()
    {
        const string Body = "BEGIN DECLARE d INT DEFAULT 0; IF p > 1 THEN CASE p WHEN 1 THEN SET @a = 1; END CASE; END IF; l: LOOP LEAVE l; END LOOP; INSERT INTO t SELECT f(a) FROM u; END";
        for (var length = 0; length < Body.Length; length++)
        {
            var info = RoutineTests.Body(Body[..length]);
            Assert.True(info.Kind == StatementKind.Unknown && !info.TablesKnown, Body[..length]);
        }
    }

    private static StatementInfo Body(string body) => SqlScanner.ScanRoutine(Encoding.UTF8.GetBytes(body), Describe.MySql, ["p"], "s");

    private static StatementInfo Expand(string statement, Dictionary<string, StatementInfo> bodies) => RoutineExpansion.Expand(
        Describe.Scan(statement, Describe.MySql),
        "s",
        routine => routine.Schema == "s" ? bodies.GetValueOrDefault($"s.{routine.Name}", SqlScanner.Nothing) : null);

    /// <summary>As the line of an info, tables and variables in the order of their names.</summary>
    private static string Sorted(StatementInfo info)
    {
        var words = Describe.Line(info).Split(' ');
        var effects = string.Join(' ', words.SkipWhile(word => !word.StartsWith('{')).TakeWhile(word => !word.StartsWith('@')));
        return string.Join(' ', ((string[])[words[0], .. words.Where(word => word.Contains(':', StringComparison.Ordinal)).Order(StringComparer.Ordinal), effects,
            .. words.Where(word => word.StartsWith('@')).Order(StringComparer.Ordinal)]).Where(word => word.Length > 0));
    }
}
