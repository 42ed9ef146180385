using Switchyard.Client;

namespace Switchyard.Migration.Tests.Real;

/// <summary>What accounts may do on the target once they are copied: what they may on the source, and nobody else.</summary>
[Collection("faults")]
[Trait("Category", "Integration")]
public sealed class AccountCopyTests
{
    private static readonly string[] s_tables = ["CREATE TABLE t (id INT NOT NULL PRIMARY KEY) ENGINE=InnoDB", "CREATE TABLE gone (id INT NOT NULL PRIMARY KEY) ENGINE=InnoDB"];

    [Theory]
    [InlineData("mysql-9.7", "mysql-9.7")]
    [InlineData("mysql-9.7", "mariadb-11.8")]
    [InlineData("mariadb-10.11", "mariadb-11.8")]
    [InlineData("mariadb-10.11", "mysql-9.7")]
    public async Task What_nobody_is_let_in_as_on_the_source_is_no_login_on_the_target_and_rights_by_a_role_stay(string from, string to)
    {
        await using var world = await RealWorld.StartAsync(from, to, s_tables);
        var (role, member, locked, empty) = ($"r{world.Schema}", $"m{world.Schema}", $"l{world.Schema}", $"e{world.Schema}");
        await using var source = await world.OpenSourceAsync();
        foreach (var statement in (string[])[
            $"CREATE ROLE {role}", $"GRANT SELECT, INSERT ON {world.Schema}.* TO {role}",
            $"CREATE USER '{member}'@'%' IDENTIFIED BY '{RealWorld.AppPassword}'", $"GRANT {role} TO '{member}'@'%'",
            $"CREATE USER '{locked}'@'%' IDENTIFIED BY '{RealWorld.AppPassword}' ACCOUNT LOCK", $"GRANT SELECT ON {world.Schema}.* TO '{locked}'@'%'",
            $"CREATE USER '{empty}'@'%' ACCOUNT LOCK", $"GRANT SELECT ON {world.Schema}.* TO '{empty}'@'%'"])
        {
            await source.ExecuteAsync(statement, default);
        }

        await world.CreateAsync();
        await world.UntilAsync(MigrationState.Running);
        var copied = (await world.Service.CopyAccountsAsync(world.Schema, new CopyAccountsRequest(), default)).Accounts;

        foreach (var (user, password) in ((string, string)[])[(role, ""), (locked, RealWorld.AppPassword), (locked, ""), (empty, "")])
        {
            await Assert.ThrowsAsync<ServerErrorException>(async () => await (await BackendConnection.OpenAsync(world.TargetOptions with { User = user, Password = password }, default)).DisposeAsync());
        }

        var made = Assert.Single(copied, a => a.Account == $"'{member}'@'%'");
        Assert.Equal("created", made.Result);
        Assert.Contains(role, made.Note, StringComparison.Ordinal);
        await using var target = await world.OpenTargetAsync();
        var grants = (await target.QueryAsync($"SHOW GRANTS FOR '{member}'@'%'", default)).Rows.Select(r => r.GetString(0)).ToList();
        Assert.Contains(grants, g => g.StartsWith("GRANT SELECT, INSERT ON ", StringComparison.Ordinal));
        Assert.Empty(await new ServerSides().ListMissingAccountsAsync(world.SourceOptions, world.TargetOptions, [world.Schema], default));
    }

    [Theory]
    [InlineData("mariadb-10.11", "mysql-9.7")]
    [InlineData("mariadb-10.5", "mariadb-11.8")]
    [InlineData("mysql-9.7", "mysql-9.7")]
    public async Task Who_may_hand_a_role_out_has_its_rights_on_the_target_and_who_only_made_it_is_no_account_of_the_application(string from, string to)
    {
        await using var world = await RealWorld.StartAsync(from, to, s_tables);
        var (role, member, maker) = ($"r{world.Schema}", $"m{world.Schema}", $"k{world.Schema}");
        await using var source = await world.OpenSourceAsync();
        foreach (var statement in (string[])[
            $"CREATE USER '{maker}'@'%' IDENTIFIED BY '{RealWorld.AppPassword}'", from.StartsWith("maria", StringComparison.Ordinal) ? $"GRANT CREATE USER ON *.* TO '{maker}'@'%'" : $"GRANT CREATE ROLE ON *.* TO '{maker}'@'%'",
            $"CREATE USER '{member}'@'%' IDENTIFIED BY '{RealWorld.AppPassword}'"])
        {
            await source.ExecuteAsync(statement, default);
        }

        await using (var making = await BackendConnection.OpenAsync(world.SourceOptions with { User = maker, Password = RealWorld.AppPassword, Schema = null }, default))
        {
            await making.ExecuteAsync($"CREATE ROLE {role}", default);

            // On MariaDB only who may hand a role out does, and nobody else than its maker may yet.
            await (source.Server.IsMariaDb ? making : source).ExecuteAsync($"GRANT {role} TO '{member}'@'%' WITH ADMIN OPTION", default);
        }

        await source.ExecuteAsync($"GRANT SELECT, INSERT ON {world.Schema}.* TO {role}", default);
        await world.CreateAsync();
        await world.UntilAsync(MigrationState.Running);
        Assert.Contains($"'{member}'@'%'", Assert.Single((await world.Service.PreflightAsync(world.Schema, default)).Findings, f => f.Code == "accounts_missing").What, StringComparison.Ordinal);
        var copied = (await world.Service.CopyAccountsAsync(world.Schema, new CopyAccountsRequest(), default)).Accounts;
        Assert.DoesNotContain(copied, a => a.Account == $"'{maker}'@'%'");
        Assert.Equal("created", Assert.Single(copied, a => a.Account == $"'{member}'@'%'").Result);
        await using var target = await world.OpenTargetAsync();
        Assert.Contains((await target.QueryAsync($"SHOW GRANTS FOR '{member}'@'%'", default)).Rows, r => r.GetString(0).StartsWith("GRANT SELECT, INSERT ON ", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("mariadb-10.11", "mysql-9.7")]
    [InlineData("mysql-9.7", "mariadb-11.8")]
    public async Task An_account_that_may_do_less_on_the_target_is_told_until_it_is_copied(string from, string to)
    {
        await using var world = await RealWorld.StartAsync(from, to, s_tables);
        var user = $"w{world.Schema}";
        await using var source = await world.OpenSourceAsync();
        await using var admin = await BackendConnection.OpenAsync(world.TargetOptions, default);
        await source.ExecuteAsync($"CREATE USER '{user}'@'%' IDENTIFIED BY '{RealWorld.AppPassword}'", default);
        await source.ExecuteAsync($"GRANT SELECT, INSERT ON {world.Schema}.* TO '{user}'@'%'", default);
        await source.ExecuteAsync($"GRANT UPDATE ON {world.Schema}.t TO '{user}'@'%'", default);
        await admin.ExecuteAsync($"CREATE USER '{user}'@'%' IDENTIFIED BY '{RealWorld.AppPassword}'", default);
        await admin.ExecuteAsync($"GRANT SELECT ON {world.Schema}.* TO '{user}'@'%'", default);
        await world.CreateAsync();
        await world.UntilAsync(MigrationState.Running);

        var told = Assert.Single((await world.Service.PreflightAsync(world.Schema, default)).Findings, f => f.Code == "accounts_lack");
        Assert.Contains($"INSERT on {world.Schema}.*, UPDATE on {world.Schema}.t is not granted", told.What, StringComparison.Ordinal);
        await world.Service.CopyAccountsAsync(world.Schema, new CopyAccountsRequest(), default);
        Assert.DoesNotContain((await world.Service.PreflightAsync(world.Schema, default)).Findings, f => f.Code == "accounts_lack");
    }

    [Theory]
    [InlineData("mariadb-10.11", "mariadb-11.8")]
    public async Task An_account_that_a_socket_vouches_for_does_not_become_one_without_a_password(string from, string to)
    {
        await using var world = await RealWorld.StartAsync(from, to, s_tables);
        var user = $"s{world.Schema}";
        await using var source = await world.OpenSourceAsync();
        await source.ExecuteAsync($"CREATE USER '{user}'@'%' IDENTIFIED VIA unix_socket", default);
        await source.ExecuteAsync($"GRANT SELECT ON {world.Schema}.* TO '{user}'@'%'", default);
        await world.CreateAsync();
        await world.UntilAsync(MigrationState.Running);
        await world.Service.CopyAccountsAsync(world.Schema, new CopyAccountsRequest(), default);

        await Assert.ThrowsAsync<ServerErrorException>(async () => await (await BackendConnection.OpenAsync(world.TargetOptions with { User = user, Password = "" }, default)).DisposeAsync());
        await using var target = await world.OpenTargetAsync();
        Assert.Equal("unix_socket", (await target.QueryAsync($"SELECT plugin FROM mysql.user WHERE user='{user}'", default)).GetString(0, 0));
    }

    [Theory]
    [InlineData("mariadb-10.11", "mysql-9.7")]
    [InlineData("mysql-9.7", "mariadb-11.8")]
    public async Task Grants_on_what_is_not_on_the_target_keep_nothing_and_patterns_open_no_other_schema(string from, string to)
    {
        await using var world = await RealWorld.StartAsync(from, to, [.. s_tables, "CREATE TABLE stays (id INT NOT NULL PRIMARY KEY) ENGINE=InnoDB"]);
        var user = $"p{world.Schema}";
        await using var source = await world.OpenSourceAsync();
        foreach (var statement in (string[])[
            $"CREATE USER '{user}'@'%' IDENTIFIED BY '{RealWorld.AppPassword}'", $"GRANT SELECT ON {world.Schema}.gone TO '{user}'@'%'", $"GRANT SELECT ON {world.Schema}.stays TO '{user}'@'%'",
            $"GRANT INSERT ON {world.Schema}.t TO '{user}'@'%'", $"GRANT UPDATE ON `{world.Schema}%`.* TO '{user}'@'%'", "DROP TABLE gone"])
        {
            await source.ExecuteAsync(statement, default);
        }

        await world.Service.CreateAsync(new CreateMigrationRequest { Name = world.Schema, Source = "a", Target = "b", Schema = world.Schema, Tables = ["t"] }, default);
        await world.UntilAsync(MigrationState.Running);
        var copied = (await world.Service.CopyAccountsAsync(world.Schema, new CopyAccountsRequest(), default)).Accounts;

        var made = Assert.Single(copied, a => a.Account == $"'{user}'@'%'");
        Assert.Equal("created", made.Result);
        Assert.Contains("gone`, which is not on the other server", made.Note, StringComparison.Ordinal);
        Assert.Contains("stays`, which is not on the other server", made.Note, StringComparison.Ordinal);
        Assert.Equal(2, made.Grants.Count);
        Assert.Contains(made.Grants, g => g.StartsWith($"GRANT INSERT ON `{world.Schema}`.`t` TO", StringComparison.Ordinal));
        Assert.Contains(made.Grants, g => g.StartsWith($"GRANT UPDATE ON `{world.Schema.Replace("_", "\\_", StringComparison.Ordinal)}`.* TO", StringComparison.Ordinal));
    }
}
