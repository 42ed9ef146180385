using System.Diagnostics;
using System.Globalization;
using Switchyard.Client;
using Switchyard.Replication.Schema;

namespace Switchyard.Migration;

/// <summary>
/// What one server would hand out next, over one connection. To tell a table's value the server opens the table. InnoDB's list of what it has in memory holds the
/// same numbers and takes a fraction of the time; what the list does not tell for certain is asked of the tables.
/// </summary>
/// <remarks>
/// The list prints <c>dict_table_t::autoinc</c>, which is what <c>information_schema.tables</c> shows and what the next insert takes
/// (<c>storage/innobase/handler/i_s.cc</c> and <c>ha_innodb.cc</c> of MySQL 5.7 and MariaDB). It is 0 until somebody has opened the table. Each partition has an entry of its own
/// and the table none; tables of other engines have none. It goes over all tables of the server and brings them into its memory, so that it is left alone where others
/// are many more than the migrated ones.
/// </remarks>
internal sealed class IdentityReader(BackendConnection connection, IReadOnlyList<MigratedSchema> moved, TableNameComparer names)
{
    // With fewer tables there is nothing to gain.
    private const int FewestListed = 100;
    private const int MostOthersEach = 3;
    private const int MostNamed = 500;
    private const int SequencesAtOnce = 50;
    private const int NoSuchTable = 1146;
    private readonly HashSet<TableName> _wanted = moved.AllTables().ToHashSet(names);

    // By the list's name of each table that stands in it: whether it had a value, which the list and the table agreed on.
    private readonly Dictionary<string, (TableName Table, bool HasValue)> _listed = new(names.Strings);
    private readonly List<TableName> _unlisted = [];
    private readonly HashSet<string> _seen = new(names.Strings);
    private IReadOnlyList<TableName> _sequences = [];

    public BackendConnection Connection => connection;

    /// <summary>The list is there, and was quicker than the tables.</summary>
    public bool PrefersList { get; private set; }

    /// <summary>Asks every table, and finds out what the list is good for.</summary>
    public async Task<IdentityValues> ReadAsync(CancellationToken cancellationToken)
    {
        if (connection.Server.IsAtLeast(ServerVendor.MySql, 8, 0))
        {
            // Else the value can be a day old.
            await connection.ExecuteAsync("SET SESSION information_schema_stats_expiry=0", cancellationToken);
        }

        var began = Stopwatch.GetTimestamp();
        var values = await AskAllAsync(cancellationToken);
        var asking = Stopwatch.GetElapsedTime(began);
        if (await IsWorthListingAsync(cancellationToken))
        {
            began = Stopwatch.GetTimestamp();
            PrefersList = await CompareAsync(values, cancellationToken) && Stopwatch.GetElapsedTime(began) < asking;
        }

        return values;
    }

    /// <summary>The same once more, of all tables or of some, in as little time as can be.</summary>
    public async Task<IdentityValues> ReadAgainAsync(IReadOnlyList<TableName> some, CancellationToken cancellationToken)
    {
        if (PrefersList && await ReadByListAsync(some, cancellationToken) is { } values)
        {
            return values;
        }

        return some.Count < _wanted.Count && some.Count <= MostNamed && await ReadSequencesAgainAsync(cancellationToken) is { } sequences
            ? new IdentityValues(await AskAsync(some, [], cancellationToken), sequences)
            : await AskAllAsync(cancellationToken);
    }

    /// <summary>By the list, and by the tables where it does not tell; null when something has come into being since the first reading.</summary>
    internal async Task<IdentityValues?> ReadByListAsync(IReadOnlyList<TableName> some, CancellationToken cancellationToken)
    {
        if (await ListAsync(cancellationToken) is not { } list || !list.Keys.All(_seen.Contains))
        {
            return null;
        }

        var needed = some.ToHashSet(names);
        var columns = new Dictionary<TableName, ulong>();
        var asked = _unlisted.Where(needed.Contains).ToList();
        foreach (var (name, (table, hasValue)) in _listed.Where(l => needed.Contains(l.Value.Table)))
        {
            var next = list.GetValueOrDefault(name);
            if (next != 0 && hasValue)
            {
                columns[table] = next;
            }
            else if (next != 0 || hasValue)
            {
                asked.Add(table);
            }
        }

        return asked.Count > MostNamed || await ReadSequencesAgainAsync(cancellationToken) is not { } sequences
            ? null
            : new IdentityValues(await AskAsync(asked, columns, cancellationToken), sequences);
    }

    private async Task<bool> IsWorthListingAsync(CancellationToken cancellationToken)
    {
        if (_wanted.Count < FewestListed)
        {
            return false;
        }

        var tables = await connection.QueryAsync(
            "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema NOT IN ('information_schema', 'performance_schema', 'sys')", cancellationToken);
        return tables.GetInt64(0, 0) <= _wanted.Count * (1L + MostOthersEach);
    }

    private async Task<IdentityValues> AskAllAsync(CancellationToken cancellationToken)
    {
        var rows = await connection.QueryAsync(
            "SELECT table_schema, table_name, auto_increment, table_type='SEQUENCE' FROM information_schema.tables " +
            $"WHERE table_schema IN ({string.Join(", ", moved.Select(s => SqlText.QuoteString(s.Name)))}) AND (auto_increment IS NOT NULL OR table_type='SEQUENCE')", cancellationToken);
        _sequences = [.. rows.Rows.Where(r => r.GetInt64(3) != 0).Select(r => new TableName(r.GetString(0), r.GetString(1))).Where(Moves)];
        return new IdentityValues(Take(rows.Rows.Where(r => r.GetInt64(3) == 0), []), await ReadSequencesAsync(cancellationToken));
    }

    private async Task<Dictionary<TableName, ulong>> AskAsync(IReadOnlyList<TableName> some, Dictionary<TableName, ulong> columns, CancellationToken cancellationToken)
    {
        if (some.Count == 0)
        {
            return columns;
        }

        var named = some.GroupBy(t => t.Schema, t => SqlText.QuoteString(t.Name))
            .Select(g => $"(table_schema={SqlText.QuoteString(g.Key)} AND table_name IN ({string.Join(", ", g)}))");
        var rows = await connection.QueryAsync(
            $"SELECT table_schema, table_name, auto_increment FROM information_schema.tables WHERE ({string.Join(" OR ", named)}) AND auto_increment IS NOT NULL", cancellationToken);
        return Take(rows.Rows, columns);
    }

    private Dictionary<TableName, ulong> Take(IEnumerable<QueryRow> rows, Dictionary<TableName, ulong> columns)
    {
        foreach (var row in rows)
        {
            if (_wanted.TryGetValue(new TableName(row.GetString(0), row.GetString(1)), out var known))
            {
                columns[known] = row.GetUInt64(2);
            }
        }

        return columns;
    }

    private bool Moves(TableName sequence) =>
        moved.Any(s => names.Strings.Equals(s.Name, sequence.Schema) && (s.Sequences is null || s.Sequences.Contains(sequence.Name, names.Strings)));

    /// <summary>What is cached in memory by the server lies below the value read, so nothing is handed out twice.</summary>
    private async Task<Dictionary<TableName, SequenceValue>> ReadSequencesAsync(CancellationToken cancellationToken)
    {
        var values = new Dictionary<TableName, SequenceValue>();
        foreach (var some in _sequences.Chunk(SequencesAtOnce))
        {
            var each = some.Select((s, i) => string.Create(CultureInfo.InvariantCulture, $"SELECT {i}, next_not_cached_value, cycle_count FROM {s.Quoted}"));
            foreach (var row in (await connection.QueryAsync(string.Join(" UNION ALL ", each), cancellationToken)).Rows)
            {
                values[some[row.GetInt64(0)]] = new SequenceValue(row.GetInt64(1), row.GetInt64(2));
            }
        }

        return values;
    }

    /// <summary>Those known from before; null when one of them is gone.</summary>
    private async Task<Dictionary<TableName, SequenceValue>?> ReadSequencesAgainAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await ReadSequencesAsync(cancellationToken);
        }
        catch (ServerErrorException e) when (e.Code == NoSuchTable)
        {
            return null;
        }
    }

    /// <summary>The schemas' part of the list; null when there is none, or the account may not see it.</summary>
    private async Task<Dictionary<string, ulong>?> ListAsync(CancellationToken cancellationToken)
    {
        var prefixes = moved.Select(s => FileName.Of(s.Name)).OfType<string>().Select(s => $"LEFT(name, {(s.Length + 1).ToString(CultureInfo.InvariantCulture)})={SqlText.QuoteString(s + "/")}").ToList();
        if (prefixes.Count == 0)
        {
            return null;
        }

        var list = connection.Server.IsAtLeast(ServerVendor.MySql, 8, 0) ? "innodb_tablestats" : "innodb_sys_tablestats";
        try
        {
            var rows = await connection.QueryAsync($"SELECT name, autoinc FROM information_schema.{list} WHERE {string.Join(" OR ", prefixes)}", cancellationToken);
            var values = new Dictionary<string, ulong>(rows.RowCount, names.Strings);
            foreach (var row in rows.Rows)
            {
                // A name too long for the list may be another's as well.
                var name = row.GetString(0);
                values[name] = values.ContainsKey(name) ? 0 : row.GetUInt64(1);
            }

            return values;
        }
        catch (ServerErrorException)
        {
            return null;
        }
    }

    /// <summary>Finds out what the list tells: only where it and the table agree once is it believed later.</summary>
    /// <returns>Whether there is one.</returns>
    internal async Task<bool> CompareAsync(IdentityValues values, CancellationToken cancellationToken)
    {
        if (await ListAsync(cancellationToken) is not { } list)
        {
            return false;
        }

        _listed.Clear();
        _unlisted.Clear();
        _seen.Clear();
        _seen.UnionWith(list.Keys);
        foreach (var table in _wanted)
        {
            // The list was read later: it may have more.
            var has = values.Columns.TryGetValue(table, out var next);
            if (FileName.Of(table) is { } name && list.TryGetValue(name, out var listed) && (has ? listed >= next : listed == 0))
            {
                _listed[name] = (table, has);
            }
            else
            {
                _unlisted.Add(table);
            }
        }

        return true;
    }
}
