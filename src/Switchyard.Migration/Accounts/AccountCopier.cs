using System.Security.Cryptography;
using Switchyard.Client;
using Switchyard.Faults;
using Switchyard.Replication.Schema;
using Switchyard.Topology;

namespace Switchyard.Migration;

/// <summary>
/// Creates the application's accounts on the target: with the same hash where both servers know the plugin, else with a generated
/// password that only the proxy knows.
/// </summary>
internal sealed class AccountCopier(MigrationEnvironment environment, MigrationRecord record)
{
    private readonly ServerSteps _steps = new(environment, record.Settings);

    public async Task<CopyAccountsReport> RunAsync(CopyAccountsRequest request, CancellationToken cancellationToken)
    {
        var results = new List<AccountCopy>();
        try
        {
            await CopyAllAsync(request, results, cancellationToken);
            return new CopyAccountsReport(results);
        }
        catch (CutoverFailedException e)
        {
            var done = results.Where(r => r.Result is "created" or "exists").Select(r => r.Account).ToList();
            throw MigrationException.Failed(
                "accounts_not_copied", $"{e.Message} {(request.DryRun || done.Count == 0 ? "No account was copied." : $"Copied before: {string.Join(", ", done)}.")}",
                $"{e.Remedy} Then run `switchyard migration accounts copy {record.Name}` again, which goes on with the rest.", e);
        }
    }

    private async Task CopyAllAsync(CopyAccountsRequest request, List<AccountCopy> results, CancellationToken cancellationToken)
    {
        var options = await environment.BackendAsync(record.Settings.Source, cancellationToken);
        await using var source = await OpenAsync(Side.Source, options, cancellationToken);
        await using var target = await OpenAsync(Side.Target, await environment.BackendAsync(record.Settings.Target, cancellationToken), cancellationToken);
        await FaultPoints.HitAsync("accounts.connected", cancellationToken);
        var from = new AccountCatalog(source);
        var to = new AccountCatalog(target);
        var accounts = request.Accounts is { Count: > 0 } named
            ? [.. named.Select(Account.Parse)]
            : await _steps.AskAsync([Side.Source], "list its accounts", token => from.ListUsersOfAsync(record.SchemaNames, options.User, token), cancellationToken);
        var (present, plugins) = await _steps.AskAsync(
            [Side.Target], "list its accounts", async token => (await to.ListAsync(token), await to.ListPluginsAsync(token)), cancellationToken);
        var moving = await _steps.AskAsync([Side.Source], "list what is in its schemas", token => ListMovingAsync(from, token), cancellationToken);
        var made = request.DryRun ? [] : await MakeMissingAsync(source, target, present, cancellationToken);
        foreach (var account in accounts.OrderBy(a => a.User, StringComparer.Ordinal).ThenBy(a => a.Host, StringComparer.Ordinal))
        {
            results.Add(await CopyAsync(request, account, from, to, present.Contains(account), plugins, moving, cancellationToken));
        }

        if (!request.DryRun)
        {
            Note(results, made);
            await ReturnDefinersAsync(results, source, target, to, cancellationToken);
            await _steps.RunAsync(ServerSteps.Both, "show what its accounts are verified by", new AccountMemory(environment, record).KeepAsync, cancellationToken);
        }
    }

    /// <summary>Only while the source's definitions are the ones that count.</summary>
    private IEnumerable<MigratedSchema> WholeSchemas => record.Schemas.Where(s => s.Whole && record.Authoritative == Side.Source);

    private async Task<IReadOnlyList<ILookup<Account, string>>> MakeMissingAsync(BackendConnection source, BackendConnection target, IReadOnlySet<Account> present, CancellationToken cancellationToken)
    {
        var made = new List<ILookup<Account, string>>();
        foreach (var schema in WholeSchemas.Where(_ => record.SchemaCopied))
        {
            made.Add(await _steps.AskAsync(
                ServerSteps.Both, $"make the routines of {schema.Name} that the target lacks", token => new LentDefiners(source, target).MakeMissingAsync(schema.Name, present, token), cancellationToken));
        }

        // A routine is made in its own mode.
        await _steps.RunAsync([Side.Target], "take a setting", token => target.ExecuteAsync("SET SESSION sql_mode=''", token), cancellationToken);
        return made;
    }

    private void Note(List<AccountCopy> results, IReadOnlyList<ILookup<Account, string>> running)
    {
        var copied = results.DistinctBy(r => r.Account).ToDictionary(r => Account.Parse(r.Account));
        foreach (var account in running.SelectMany(r => r))
        {
            if (copied.TryGetValue(account.Key, out var copy))
            {
                copied[account.Key] = copy with { Note = $"{copy.Note} {string.Join(", ", account)} on '{record.Settings.Target}' {(account.Count() == 1 ? "runs" : "run")} as it now.".TrimStart() };
                results[results.IndexOf(copy)] = copied[account.Key];
            }
        }
    }

    private async Task ReturnDefinersAsync(List<AccountCopy> results, BackendConnection source, BackendConnection target, AccountCatalog to, CancellationToken cancellationToken)
    {
        foreach (var schema in WholeSchemas)
        {
            var copied = results.Select(r => Account.Parse(r.Account)).Distinct().ToList();
            var returned = await _steps.AskAsync(
                ServerSteps.Both, $"make the views and routines of {schema.Name} run as their own accounts",
                async token => await new LentDefiners(source, target).ReturnAsync(schema.Name, await to.ListAsync(token), copied, token), cancellationToken);
            Note(results, [returned]);
            if (returned.Count > 0)
            {
                foreach (var grant in results.SelectMany(r => r.Grants))
                {
                    await _steps.RunAsync([Side.Target], $"grant again what went with a routine of {schema.Name}", token => to.GrantAsync(grant, token), cancellationToken);
                }
            }
        }
    }

    private Task<BackendConnection> OpenAsync(Side side, ConnectionOptions options, CancellationToken cancellationToken) =>
        _steps.AskAsync([side], "let Switchyard in", async token =>
        {
            var connection = await BackendConnection.OpenAsync(options, token);

            // The mode decides how names are quoted in what SHOW GRANTS prints.
            await connection.ExecuteAsync("SET SESSION sql_mode=''", token);
            return connection;
        }, cancellationToken);

    private async Task<AccountCopy> CopyAsync(
        CopyAccountsRequest request, Account account, AccountCatalog from, AccountCatalog to, bool exists, HashSet<string> plugins, IReadOnlySet<TableName> moving, CancellationToken cancellationToken)
    {
        if (await _steps.AskAsync([Side.Source], $"show the account {account}", token => from.ReadProofAsync(account, token), cancellationToken) is not { } proof)
        {
            return new AccountCopy(account.ToString(), "refused", "unchanged", [], $"'{record.Settings.Source}' has no such account.");
        }

        if (proof.Tls is "X509" or "SPECIFIED")
        {
            return new AccountCopy(account.ToString(), "refused", "unchanged", [], "It must present a certificate, which a proxy cannot do for it.");
        }

        if (proof.IsLocked && !exists && !to.CanLock)
        {
            return new AccountCopy(account.ToString(), "refused", "unchanged", [], $"It is locked, so that nobody is let in as it, and '{record.Settings.Target}' has no locked accounts.");
        }

        var (given, roles) = await _steps.AskAsync([Side.Source], $"show the grants of {account}", token => from.ReadGrantsAsync(account, token), cancellationToken);
        var (grants, leftOut) = GrantTranslation.ForSchemas(given, record.SchemaNames, moving, account);
        var note = Note(roles, leftOut);
        var stored = await environment.Topology.FindAsync(record.Settings.Target, account.User, account.Host, cancellationToken);
        var credential = exists && stored is null ? "unchanged" : plugins.Contains(proof.Plugin) && stored is null ? "same-hash" : "generated";
        if (request.DryRun)
        {
            return new AccountCopy(account.ToString(), exists ? "exists" : "planned", credential, grants, note);
        }

        if (credential == "generated")
        {
            // Stored first: an account whose password nobody knows could not be used, a password without an account is only tried again.
            stored ??= await StoreAsync(account, cancellationToken);
        }

        await _steps.RunAsync([Side.Target], $"create the account {account}", async token =>
        {
            switch (credential)
            {
                case "same-hash":
                    await to.CreateWithHashAsync(account, proof, token);
                    break;
                case "generated" when exists:
                    await to.SetPasswordAsync(account, stored!.Password, token);
                    break;
                case "generated":
                    await to.CreateWithPasswordAsync(account, stored!.Password, proof, token);
                    break;
            }

            foreach (var grant in grants)
            {
                await to.GrantAsync(grant, token);
            }
        }, cancellationToken);
        return new AccountCopy(account.ToString(), exists ? "exists" : "created", credential, grants, note);
    }

    /// <summary>What grants can be about on the target: servers keep them for tables that are long dropped, and some tables may stay.</summary>
    private async Task<IReadOnlySet<TableName>> ListMovingAsync(AccountCatalog from, CancellationToken cancellationToken)
    {
        var moving = record.Schemas.Where(s => !s.Whole).SelectMany(s => s.Tables.Concat(s.Sequences ?? []).Select(t => new TableName(s.Name, t))).ToHashSet(new TableNameComparer(ignoreCase: true));
        if (record.Schemas.Where(s => s.Whole).Select(s => s.Name).ToList() is { Count: > 0 } whole)
        {
            moving.UnionWith(await from.ListObjectsAsync(whole, cancellationToken));
        }

        return moving;
    }

    private string Note(IReadOnlyList<string> roles, IReadOnlyList<string> leftOut)
    {
        var sentences = new List<string>();
        if (roles.Count > 0)
        {
            sentences.Add($"What {(roles.Count == 1 ? "the role" : "the roles")} {string.Join(", ", roles)} may do is granted to it directly: roles are not copied, and it cannot SET ROLE on '{record.Settings.Target}'.");
        }

        if (leftOut.Count > 0)
        {
            sentences.Add($"Left out, because it is not about what moves or not known to both servers: {string.Join("; ", leftOut)}.");
        }

        return string.Join(' ', sentences);
    }

    private async Task<LegCredential> StoreAsync(Account account, CancellationToken cancellationToken)
    {
        // The ending satisfies password policies that want one of each kind; the strength is in the 192 random bits before it.
        var password = $"{Convert.ToHexString(RandomNumberGenerator.GetBytes(24))}aA1!";
        var credential = new LegCredential(record.Settings.Target, account.User, account.Host, account.User, password) { CreatedAt = environment.Time.GetUtcNow() };
        if (!(await environment.Topology.Begin().Put(credential).CommitAsync(cancellationToken)).Succeeded)
        {
            throw MigrationException.Failed("conflict", "The store changed at the same moment.", "Try again.");
        }

        return credential;
    }
}
