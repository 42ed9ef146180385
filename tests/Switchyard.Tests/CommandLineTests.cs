using Switchyard.Cli;

namespace Switchyard.Tests;

/// <summary>Runs the command line as it is called; console output is shared, so these run one after another.</summary>
public sealed class CommandLineTests
{
    [Theory]
    [InlineData("migration", "create", "x")]
    [InlineData("migration", "create", "x", "--source", "a", "--target", "b", "--tables", "t", "--schema", "s", "--schema", "u")]
    [InlineData("migration", "add-table", "x")]
    [InlineData("migration", "switch", "x", "--timeout", "soon")]
    [InlineData("migration", "switch", "x", "--fence", "wall")]
    [InlineData("migration", "validate", "x", "--percent", "101")]
    [InlineData("migration", "diff", "x", "explain")]
    [InlineData("session", "kill", "me")]
    [InlineData("backend", "list", "--format", "xml")]
    [InlineData("frobnicate")]
    [InlineData("serve", "--api-listen", "0.0.0.0:0")]
    [InlineData("serve", "--backend", "mysql://h/")]
    [InlineData("serve", "--config", "/no/such/file.yaml")]
    [InlineData("serve", "--backend", "old=postgres://h/")]
    [InlineData("serve", "--backend", "old=mysql://u:s3cr?t@h:3306/")]
    [InlineData("serve", "--token", "")]
    [InlineData("serve", "--store", "postgres://u:s3cret@h/d")]
    [InlineData("serve", "--data", "")]
    [InlineData("serve", "--proxy-listen", "4306")]
    [InlineData("migration", "create", "x", "--source", "a", "--target", "b", "--schema", "s", "--tables", "")]
    [InlineData("migration", "diff", "x", "start", "--tables", ",")]
    [InlineData("migration", "accounts", "copy", "x", "--accounts", "")]
    [InlineData("migration", "list", "--server", "ftp://h/")]
    public async Task Wrong_usage_ends_with_2_and_a_sentence_on_standard_error(params string[] args)
    {
        var (code, output, error) = await RunAsync(args);
        Assert.Equal(2, code);
        Assert.Empty(output);
        Assert.NotEmpty(error);
        Assert.DoesNotContain("System.", error, StringComparison.Ordinal);
        Assert.DoesNotContain("s3cr", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("migration", "switch", "x", "--fence", "wall", "--format", "json")]
    [InlineData("--format=json", "migration", "create", "x")]
    public async Task Wrong_usage_is_one_json_document_too(params string[] args)
    {
        var (code, output, error) = await RunAsync(args);
        Assert.Equal(2, code);
        Assert.NotEmpty(error);
        using var document = System.Text.Json.JsonDocument.Parse(output);
        Assert.Equal(("usage", 2), (document.RootElement.GetProperty("code").GetString(), document.RootElement.GetProperty("exit_code").GetInt32()));
    }

    [Fact]
    public async Task The_files_token_is_not_taken_away_by_an_empty_variable()
    {
        var file = Path.GetTempFileName();
        await File.WriteAllTextAsync(file, "api:\n  listen: 0.0.0.0:4380\n  token: s3cret\nproxy:\n  tls:\n    key: k\n");
        Environment.SetEnvironmentVariable(GlobalOptions.TokenVariable, "");
        try
        {
            var (code, _, error) = await RunAsync("serve", "--config", file);
            Assert.Equal(2, code);
            Assert.Contains("both a certificate and a key", error, StringComparison.Ordinal);
            Assert.DoesNotContain("without a token", error, StringComparison.Ordinal);
        }
        finally
        {
            Environment.SetEnvironmentVariable(GlobalOptions.TokenVariable, null);
            File.Delete(file);
        }
    }

    [Fact]
    public async Task All_that_serve_cannot_use_is_told_at_once_and_by_name()
    {
        var file = Path.GetTempFileName();
        await File.WriteAllTextAsync(file, "log-level: 99\nproxy:\n  login-timeout: soon\n");
        var (code, _, error) = await RunAsync("serve", "--config", file, "--backend", "a=x://h/", "--backend", "b c=mysql://h/", "--store", "etcd://h/p", "--api-listen", "here", "--default-backend", "a b", "--token", " ");
        File.Delete(file);
        Assert.Equal(2, code);
        var lines = error.TrimEnd().Split(Environment.NewLine);
        string[] expected = ["log-level: ", "proxy.login-timeout: ", "--backend a: ", "'b c' cannot name", "--store: ", "--api-listen: ", "--default-backend: ", "--token is empty"];
        Assert.Equal(expected.Length, lines.Length);
        Assert.All(expected.Zip(lines), pair => Assert.Contains(pair.First, pair.Second, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_variable_that_names_no_server_is_wrong_usage()
    {
        Environment.SetEnvironmentVariable(GlobalOptions.ServerVariable, "ftp://h/");
        try
        {
            var (code, _, error) = await RunAsync("migration", "list");
            Assert.Equal(2, code);
            Assert.Contains("'ftp://h/' is not the address of a server", error, StringComparison.Ordinal);
        }
        finally
        {
            Environment.SetEnvironmentVariable(GlobalOptions.ServerVariable, null);
        }
    }

    [Fact]
    public async Task Without_a_server_json_is_one_document_and_the_exit_code_is_1()
    {
        var (code, output, error) = await RunAsync("migration", "list", "--format", "json", "--server", "http://127.0.0.1:1");
        Assert.Equal(1, code);
        using var document = System.Text.Json.JsonDocument.Parse(output);
        Assert.Contains("does not answer", document.RootElement.GetProperty("detail").GetString(), StringComparison.Ordinal);
        Assert.Contains("switchyard serve", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Help_shows_the_verbs_and_a_move_from_start_to_end()
    {
        var (code, output, _) = await RunAsync("--help");
        Assert.Equal(0, code);
        Assert.Contains("migration create shop", output, StringComparison.Ordinal);
        var (verbCode, verbOutput, _) = await RunAsync("migration", "switch", "--help");
        Assert.Equal(0, verbCode);
        Assert.Contains("--drain-timeout", verbOutput, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("serve", "--config --store --proxy-listen --api-listen --backend --default-backend")]
    [InlineData("migration create", "--source --target --schema --tables --exclude-tables --on-ddl --defer-secondary-keys --auto-start --stop-after-copy --copy-threads --apply-threads")]
    [InlineData("migration status", "--watch")]
    [InlineData("migration diff", "--wait")]
    [InlineData("migration validate", "--percent --shadow --consistency --off --show")]
    [InlineData("migration switch", "--dry-run --rehearse --timeout --drain-timeout --max-replication-lag-allowed --fence --skip-diff --leave-out --kill-blockers")]
    [InlineData("migration reverse", "--dry-run --rehearse --timeout --drain-timeout --max-replication-lag-allowed --fence --skip-diff --leave-out --kill-blockers")]
    [InlineData("migration complete", "--keep-data --rename-tables --drop-data --abandon-source --dry-run")]
    [InlineData("migration cancel", "--abandon-source")]
    [InlineData("migration accounts copy", "--dry-run")]
    [InlineData("backend add", "")]
    [InlineData("backend test", "")]
    [InlineData("backend remove", "")]
    [InlineData("routing show", "")]
    [InlineData("proxy list", "")]
    [InlineData("session show", "")]
    public void Every_verb_has_the_options_scripts_rely_on(string verb, string options)
    {
        System.CommandLine.Command command = RootVerb.Create();
        foreach (var word in verb.Split(' '))
        {
            command = command.Subcommands.Single(sub => sub.Name == word);
        }

        Assert.Subset(command.Options.Select(option => option.Name).ToHashSet(), options.Split(' ', StringSplitOptions.RemoveEmptyEntries).ToHashSet());
    }

    [Fact]
    public void Each_list_of_tables_belongs_to_the_schema_named_before_it()
    {
        var schemas = new SchemaSelections();
        var command = new System.CommandLine.Command("create");
        foreach (var option in schemas.Options.OfType<System.CommandLine.Option>())
        {
            command.Options.Add(option);
        }

        Migration.CreateMigrationRequest Read(string line) => schemas.Fill(new Migration.CreateMigrationRequest { Name = "m", Source = "a", Target = "b" }, command.Parse(line));

        var several = Read("--schema shop --tables a,b --schema=books --schema crm --exclude-tables c --exclude-tables=d").Schemas!;
        Assert.Equal(["shop: a,b / ", "books:  / ", "crm:  / c,d"], several.Select(s => $"{s.Schema}: {string.Join(',', s.Tables ?? [])} / {string.Join(',', s.ExcludeTables ?? [])}"));
        var one = Read("--tables a --schema shop");
        Assert.Null(one.Schemas);
        Assert.Equal(("shop", "a"), (one.Schema, Assert.Single(one.Tables!)));
    }

    private static async Task<(int Code, string Output, string Error)> RunAsync(params string[] args)
    {
        var (output, error) = (Console.Out, Console.Error);
        using var newOutput = new StringWriter();
        using var newError = new StringWriter();
        Console.SetOut(newOutput);
        Console.SetError(newError);
        try
        {
            return (await RootVerb.RunAsync(args), newOutput.ToString(), newError.ToString());
        }
        finally
        {
            Console.SetOut(output);
            Console.SetError(error);
        }
    }
}
