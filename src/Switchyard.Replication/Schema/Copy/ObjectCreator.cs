using System.Text.RegularExpressions;
using Switchyard.Client;
using Switchyard.Faults;

namespace Switchyard.Replication.Schema;

/// <summary>Creates views, routines, triggers and events as they were created on the source.</summary>
public sealed partial class ObjectCreator
{
    private readonly BackendConnection _target;
    private readonly ServerTraits _traits;
    private HashSet<string>? _accounts;

    internal ObjectCreator(BackendConnection target, ServerTraits traits)
    {
        _target = target;
        _traits = traits;
    }

    /// <summary>Prepares creation on a server.</summary>
    public static async Task<ObjectCreator> OpenAsync(BackendConnection target, CancellationToken cancellationToken) =>
        new(target, await ServerTraits.ReadAsync(target, cancellationToken).ConfigureAwait(false));

    /// <summary>
    /// Creates one object; one of the same name is replaced: by one statement where the server has one for that, else it is gone until the new one is there. Its DEFINER is kept when the account exists on the target, else it becomes the
    /// connection's own account and a finding says so.
    /// </summary>
    /// <exception cref="ServerErrorException">The target refused it.</exception>
    public async Task<IReadOnlyList<GateFinding>> CreateAsync(SchemaObject item, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(item);
        var findings = new List<GateFinding>();
        if (item.CreateStatement.Length == 0)
        {
            findings.Add(GateFinding.Warn(
                "object_not_visible", item.Name, $"The definition of the {item.Kind.Words()} {item.Name} cannot be read from the source.", "Grant SHOW VIEW, SHOW_ROUTINE, TRIGGER and EVENT on the schema, or create it by hand."));
            return findings;
        }

        var statement = await WithDefinerAsync(item, findings, cancellationToken).ConfigureAwait(false);
        var replaces = item.Kind == SchemaObjectKind.View || _traits.Server.IsMariaDb;
        if (replaces)
        {
            statement = Create().Replace(statement, "CREATE OR REPLACE ", 1);
        }

        statement = CollationName().Replace(statement, m => TranslateCollation(m.Value));
        await _target.ChangeSchemaAsync(item.Schema, cancellationToken).ConfigureAwait(false);
        var collation = item.CollationConnection.Length > 0 ? CollationMap.Map(item.CollationConnection, _traits) : null;
        await _target.ExecuteAsync(
            $"SET NAMES utf8mb4, sql_mode={SqlText.QuoteString(ServerModes.Supported(_traits.Server, item.SqlMode))}"
            + (collation is { } c ? $", collation_connection={SqlText.QuoteString(c.Collation)}" : ""),
            cancellationToken).ConfigureAwait(false);
        if (!replaces)
        {
            await _target.ExecuteAsync($"DROP {item.Kind.Sql()} IF EXISTS {item.QuotedName}", cancellationToken).ConfigureAwait(false);
        }

        await FaultPoints.HitAsync("schema.object.create", cancellationToken).ConfigureAwait(false);
        await _target.ExecuteAsync(statement, cancellationToken).ConfigureAwait(false);
        return findings;
    }

    internal async Task<IReadOnlyList<GateFinding>> CreateAllAsync(IReadOnlyList<SchemaObject> objects, CancellationToken cancellationToken)
    {
        var findings = new List<GateFinding>();
        var waiting = objects.ToList();
        while (waiting.Count > 0)
        {
            var refused = new List<(SchemaObject Item, ServerErrorException Error)>();
            foreach (var item in waiting)
            {
                try
                {
                    findings.AddRange(await CreateAsync(item, cancellationToken).ConfigureAwait(false));
                }
                catch (ServerErrorException error)
                {
                    refused.Add((item, error));
                }
            }

            if (refused.Count == waiting.Count)
            {
                findings.AddRange(refused.Select(r => GateFinding.Warn(
                    "object_not_created",
                    r.Item.Name,
                    $"The {r.Item.Kind.Words()} {r.Item.Schema}.{r.Item.Name} could not be created on the target: {r.Error.ServerMessage}",
                    "Create it there by hand before the switch, if the application needs it.")));
                break;
            }

            waiting = [.. refused.Select(r => r.Item)];
        }

        return findings;
    }

    /// <summary>Bodies may hold comments, which no tokenizer of ours should touch: only collation names the target lacks are replaced.</summary>
    private string TranslateCollation(string name) =>
        !_traits.Collations.Contains(name) && _traits.CharacterSets.Contains(CollationMap.CharacterSetOf(name)) && CollationMap.Map(name, _traits) is { } mapped
            ? mapped.Collation
            : name;

    private async Task<string> WithDefinerAsync(SchemaObject item, List<GateFinding> findings, CancellationToken cancellationToken)
    {
        if (item.Definer.Length == 0 || (await AccountsAsync(cancellationToken).ConfigureAwait(false)).Contains(item.Definer))
        {
            return item.CreateStatement;
        }

        findings.Add(GateFinding.Warn(
            "definer_missing",
            item.Name,
            $"The {item.Kind.Words()} {item.Schema}.{item.Name} runs as {item.Definer}, an account the target does not have; there it runs as the account of this connection.",
            $"Create the account {item.Definer} on the target first, or accept it."));
        return Definer().Replace(item.CreateStatement, "DEFINER=CURRENT_USER ", 1);
    }

    /// <summary>Accounts as <c>user@host</c>; every account when they cannot be read, so that definers are kept and the server decides.</summary>
    private async Task<HashSet<string>> AccountsAsync(CancellationToken cancellationToken)
    {
        if (_accounts is null)
        {
            var rows = await _target.QueryAsync("SELECT CONCAT(user, '@', host) AS a FROM mysql.user", cancellationToken).ConfigureAwait(false);
            _accounts = rows.Rows.Select(r => r.GetString("a")).ToHashSet(StringComparer.Ordinal);
        }

        return _accounts;
    }

    [GeneratedRegex(@"\b[a-z0-9]+_[a-z0-9_]*(?:ci|cs|bin)\b", RegexOptions.IgnoreCase)]
    private static partial Regex CollationName();

    [GeneratedRegex(@"^CREATE\s+", RegexOptions.IgnoreCase)]
    private static partial Regex Create();

    [GeneratedRegex(@"DEFINER=(`[^`]*`|'[^']*'|\S+?)@(`[^`]*`|'[^']*'|\S+)\s+", RegexOptions.IgnoreCase)]
    private static partial Regex Definer();
}
