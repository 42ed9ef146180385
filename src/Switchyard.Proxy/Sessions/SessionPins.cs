using System.Collections.Immutable;

namespace Switchyard.Proxy.Sessions;

/// <summary>What ties a session to the backend it is on, because it exists there only and cannot be made again elsewhere.</summary>
[Flags]
internal enum PinReasons
{
    None = 0,
    TemporaryTables = 1 << 0,
    TableLocks = 1 << 1,
    NamedLocks = 1 << 2,
    OpenCursor = 1 << 3,
    Xa = 1 << 4,
    LongData = 1 << 5,
    Handler = 1 << 6,
    SqlPrepared = 1 << 7,
    Role = 1 << 8,
    FixedVariable = 1 << 9,
    Routine = 1 << 10,
    Unobserved = 1 << 11,
    BinaryLog = 1 << 12,
    ExpiredPassword = 1 << 13,
    GlobalLock = 1 << 14,
}

/// <summary>The pins of one session. Written by whoever has its turn; <see cref="Reasons"/> may be read from anywhere.</summary>
internal sealed class SessionPins
{
    private readonly HashSet<string> _temporaryTables = new(StringComparer.OrdinalIgnoreCase);
    private readonly Dictionary<string, int> _namedLocks = new(StringComparer.OrdinalIgnoreCase);
    private readonly HashSet<string> _fixedVariables = new(StringComparer.OrdinalIgnoreCase);
    private readonly HashSet<uint> _cursors = [];
    private readonly HashSet<uint> _longData = [];
    private int _sqlPrepared;
    private int _handlers;
    private volatile PinReasons _reasons;
    private volatile string? _routine;

    public PinReasons Reasons => _reasons;

    public bool Any => _reasons != PinReasons.None;

    public bool IsTemporaryTable(string? schema, string table) => _temporaryTables.Count > 0 && _temporaryTables.Contains($"{schema}.{table}");

    public void Add(PinReasons reason) => _reasons |= reason;

    public void Remove(PinReasons reason) => _reasons &= ~reason;

    public void TemporaryTableCreated(string? schema, string table) => Set(PinReasons.TemporaryTables, _temporaryTables, $"{schema}.{table}", present: true);

    public void TableDropped(string? schema, string table) => Set(PinReasons.TemporaryTables, _temporaryTables, $"{schema}.{table}", present: false);

    /// <summary>
    /// Locks asked for more often than released, of which the server must say whether the session has them: servers count them (not MySQL 5.6), and some
    /// may not have been given.
    /// </summary>
    public ImmutableArray<string> UnsureLocks { get; private set; } = [];

    /// <summary>Pins by a named lock; an empty name stands for locks whose names could not be read.</summary>
    public void NamedLockTaken(string name)
    {
        _namedLocks[name] = _namedLocks.GetValueOrDefault(name) + 1;
        Add(PinReasons.NamedLocks);
    }

    public void NamedLockReleased(string name)
    {
        if (_namedLocks.GetValueOrDefault(name) > 1)
        {
            UnsureLocks = UnsureLocks.Contains(name) ? UnsureLocks : UnsureLocks.Add(name);
        }
        else
        {
            NamedLockIsHeld(name, isHeld: false);
        }
    }

    /// <summary>What the server says of a lock.</summary>
    public void NamedLockIsHeld(string name, bool isHeld)
    {
        UnsureLocks = UnsureLocks.Remove(name);
        if (!isHeld && _namedLocks.Remove(name) && _namedLocks.Count == 0)
        {
            Remove(PinReasons.NamedLocks);
        }
    }

    public void AllNamedLocksReleased()
    {
        UnsureLocks = [];
        _namedLocks.Clear();
        Remove(PinReasons.NamedLocks);
    }

    public void VariableFixed(string name, bool isFixed) => Set(PinReasons.FixedVariable, _fixedVariables, name, isFixed);

    public void Cursor(uint statement, bool open) => Set(PinReasons.OpenCursor, _cursors, statement, open);

    public void LongData(uint statement, bool pending) => Set(PinReasons.LongData, _longData, statement, pending);

    public bool HasLongData(uint statement) => _longData.Contains(statement);

    public bool HasCursor(uint statement) => _cursors.Contains(statement);

    /// <summary>Pins by a routine whose effects are not known; the first one is named.</summary>
    /// <param name="routine">Which, and what it does, as the end of a sentence; null when not even that is known.</param>
    public void RoutineCalled(string? routine)
    {
        _routine ??= routine;
        Add(PinReasons.Routine);
    }

    public void SqlPrepared(int change)
    {
        _sqlPrepared = Math.Max(0, _sqlPrepared + change);
        _reasons = _sqlPrepared > 0 ? _reasons | PinReasons.SqlPrepared : _reasons & ~PinReasons.SqlPrepared;
    }

    public void Handlers(int change)
    {
        _handlers = Math.Max(0, _handlers + change);
        _reasons = _handlers > 0 ? _reasons | PinReasons.Handler : _reasons & ~PinReasons.Handler;
    }

    /// <summary>Forgets all that a reset of the session undoes, which an expired password is not.</summary>
    public void Reset()
    {
        var expired = _reasons & PinReasons.ExpiredPassword;
        Clear();
        Add(expired);
    }

    public void Clear()
    {
        _temporaryTables.Clear();
        _namedLocks.Clear();
        UnsureLocks = [];
        _fixedVariables.Clear();
        _cursors.Clear();
        _longData.Clear();
        _sqlPrepared = 0;
        _handlers = 0;
        _routine = null;
        _reasons = PinReasons.None;
    }

    /// <summary>The reasons in words, for people; empty when there are none.</summary>
    public ImmutableArray<string> Describe()
    {
        var reasons = _reasons;
        var words = ImmutableArray.CreateBuilder<string>();
        foreach (var reason in Enum.GetValues<PinReasons>())
        {
            if (reason != PinReasons.None && (reasons & reason) != 0)
            {
                words.Add(reason == PinReasons.Routine && _routine is { } routine ? $"it has called {routine}" : InWords(reason));
            }
        }

        return words.ToImmutable();
    }

    private static string InWords(PinReasons reason) => reason switch
    {
        PinReasons.TemporaryTables => "it has temporary tables",
        PinReasons.TableLocks => "it holds LOCK TABLES",
        PinReasons.GlobalLock => "it holds a lock on the whole server (FLUSH TABLES WITH READ LOCK, LOCK INSTANCE or BACKUP)",
        PinReasons.NamedLocks => "it holds locks taken with GET_LOCK",
        PinReasons.OpenCursor => "it has an open cursor",
        PinReasons.Xa => "it has an XA transaction",
        PinReasons.LongData => "it has sent part of a prepared statement's parameters",
        PinReasons.Handler => "it has an open HANDLER",
        PinReasons.SqlPrepared => "it has statements prepared with SQL PREPARE",
        PinReasons.Role => "it has changed its role",
        PinReasons.FixedVariable => "it has set a variable that cannot be carried over (such as timestamp or insert_id)",
        PinReasons.BinaryLog => "it streams the binary log",
        PinReasons.ExpiredPassword => "its password had expired when it logged in, and a new one is known to its client alone, which must connect again",
        PinReasons.Routine => "it has called a stored routine, which may have left state behind",
        _ => "it has run a statement whose effects on the session are not known",
    };

    private void Set<T>(PinReasons reason, HashSet<T> set, T item, bool present)
    {
        if (present)
        {
            set.Add(item);
        }
        else
        {
            set.Remove(item);
        }

        _reasons = set.Count > 0 ? _reasons | reason : _reasons & ~reason;
    }
}
