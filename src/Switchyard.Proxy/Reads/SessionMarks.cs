using Switchyard.Sql;

namespace Switchyard.Proxy.Reads;

/// <summary>What one session must see of a migration beyond what everybody must. Owned by whoever has the session's turn.</summary>
internal sealed class SessionMarks
{
    /// <summary>Statements of one transaction remembered apart; beyond it, the transaction counts as having written everything.</summary>
    private const int MaxPending = 64;

    private readonly HashSet<(StatementInfo Info, string? Schema)> _pending = [];
    private Dictionary<(string Schema, string Table), long>? _own;
    private bool _pendingAll;

    /// <summary>The open transaction has been followed since it began.</summary>
    public bool FollowsTransaction { get; set; }

    public IReadOnlyCollection<(StatementInfo Info, string? Schema)> Pending => _pending;

    public bool PendingAll => _pendingAll;

    public void AddPending(StatementInfo info, string? schema)
    {
        if (_pending.Count >= MaxPending)
        {
            _pendingAll = true;
            return;
        }

        _pending.Add((info, schema));
    }

    public void ClearPending()
    {
        _pending.Clear();
        _pendingAll = false;
        FollowsTransaction = false;
    }

    /// <summary>The session has seen the source's state of the table as of this number.</summary>
    public void SawSource(string schema, string table, long number)
    {
        (_own ??= [])[(schema, table)] = number;
        Last = Math.Max(Last, number);
    }

    /// <summary>What it must see of all tables together.</summary>
    public long Last { get; private set; }

    public long Own(string schema, string table) => _own is not null && _own.TryGetValue((schema, table), out var number) ? number : 0;
}
