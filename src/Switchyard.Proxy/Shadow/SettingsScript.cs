using System.Collections.Immutable;
using System.Text;
using Switchyard.Proxy.Sessions;
using Switchyard.Sql;

namespace Switchyard.Proxy.Shadow;

/// <summary>A SET statement of a session, and the variables it sets.</summary>
internal sealed class Setting(ImmutableArray<string> names, byte[] bytes, long version)
{
    public ImmutableArray<string> Names => names;

    public byte[] Bytes => bytes;

    /// <summary>The session's state had its changes as of this number.</summary>
    public long Version { get; set; } = version;

    public string Text { get; } = Encoding.UTF8.GetString(bytes);
}

/// <summary>
/// The SET statements that made a session what it is, so that a connection beside its legs can be made like it without asking them: a question would
/// make the client wait and wipe out what it may ask about its last statement. Owned by whoever has the session's turn.
/// </summary>
internal sealed class SettingsScript
{
    private const int MaxSettings = 32;
    private const int MaxTextBytes = 2048;

    /// <summary>Do not change what a read by itself answers.</summary>
    private static readonly HashSet<string> s_irrelevant = new(StringComparer.OrdinalIgnoreCase)
    {
        "autocommit", "transaction_isolation", "tx_isolation", "transaction_read_only", "tx_read_only", "wait_timeout", "interactive_timeout", "net_read_timeout",
        "net_write_timeout", "lock_wait_timeout", "innodb_lock_wait_timeout", "foreign_key_checks", "unique_checks", "max_execution_time", "max_statement_time",
        "session_track_gtids", "session_track_schema", "session_track_state_change", "session_track_system_variables", "session_track_transaction_info",
    };

    private readonly List<Setting> _settings = [];
    private long _checkedVersion = -1;
    private bool _isComplete = true;

    /// <summary>Notes a statement that succeeded, after the session's state has its changes.</summary>
    public void Note(StatementInfo info, ReadOnlySpan<byte> text, in ScanOptions options, SessionState state)
    {
        // Pools say the same at each checkout.
        if (_settings.Count > 0 && text.SequenceEqual(_settings[^1].Bytes) && text.IndexOf("@@"u8) < 0)
        {
            _settings[^1].Version = state.Version;
            _checkedVersion = -1;
            return;
        }

        if (info.Kind != StatementKind.Set || text.Length > MaxTextBytes
            || info.Has(SessionEffects.UsesUserVariables | SessionEffects.SetsGlobalVariables | SessionEffects.SetsNextTransaction | SessionEffects.SetsRole
                | SessionEffects.Opaque | SessionEffects.CallsStoredFunction)
            || !SqlScanner.TryReadSetAssignments(text, options, out _))
        {
            return;
        }

        ImmutableArray<string> names = info.Has(SessionEffects.SetsNames) ? [.. info.SessionVariables, .. SessionState.NamesVariables] : info.SessionVariables;
        if (names.All(s_irrelevant.Contains))
        {
            return;
        }

        // A value made of the one before needs the statement before.
        if (text.IndexOf("@@"u8) < 0)
        {
            _settings.RemoveAll(earlier => earlier.Names.All(names.Contains));
        }

        if (_settings.Count == MaxSettings)
        {
            _settings.RemoveAt(0);
        }

        _settings.Add(new Setting(names, text.ToArray(), state.Version));
        _checkedVersion = -1;
    }

    /// <summary>The statements in their order; false when the session has changed in a way they do not tell.</summary>
    public bool TryRead(SessionState state, out ImmutableArray<Setting> settings)
    {
        if (_checkedVersion != state.Version)
        {
            _checkedVersion = state.Version;
            _isComplete = state.ChangedVariables.All(change =>
                s_irrelevant.Contains(change.Key) || _settings.Exists(setting => setting.Version >= change.Value && setting.Names.Contains(change.Key, StringComparer.OrdinalIgnoreCase)));
        }

        settings = _isComplete ? [.. _settings] : [];
        return _isComplete;
    }
}
