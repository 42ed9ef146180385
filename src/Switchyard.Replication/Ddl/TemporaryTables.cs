using Switchyard.Binlog;
using Switchyard.Replication.Schema;

namespace Switchyard.Replication.Ddl;

/// <summary>
/// Temporary tables that statements in the log made, as a replica has them: by server and session, until they are dropped or the server starts again. Lives as long as the stream, so that a
/// statement which is read again after a broken connection finds those of its place. One caller at a time.
/// </summary>
internal sealed class TemporaryTables
{
    // What is read again after a broken connection is short; a table that is not found here is taken for another.
    private const int MaxEnded = 10_000;

    private readonly Dictionary<(uint Server, uint Session), List<Life>> _lives = [];
    private readonly Queue<Life> _ended = new();
    private (BinlogPosition At, uint Server, ulong Session)? _begin;
    private BinlogPosition? _firstStart;

    /// <summary>Takes note of those a statement makes and drops. Statements in the log's order, or once more.</summary>
    /// <returns>Whether temporary tables are all that it writes or changes by itself; functions it calls may do more.</returns>
    public bool Take(QueryEvent query, DdlStatement statement)
    {
        if (statement.IsUnreadable)
        {
            return false;
        }

        switch (statement.Verb)
        {
            case DdlParser.CreateTemporary:
                Begin(query, statement.Names);
                return true;
            case DdlParser.DropTemporary:
                End(query, statement.Names);
                return true;
        }

        // Without the flag the session used none; with it one of them, or another statement of the same procedure did.
        if ((query.Flags & BinlogEventFlags.ThreadSpecific) == 0)
        {
            return false;
        }

        switch (statement.Kind)
        {
            case DdlKind.Change:
                return statement is { Into: { } into, IsIntoAlone: true } && Has(query, into);
            case DdlKind.Alter or DdlKind.Truncate:
                return statement.Names.All(n => Has(query, n));
            case DdlKind.Drop or DdlKind.Rename when statement.Names.All(n => Has(query, n)):
                End(query, statement.Names);
                Begin(query, statement.NewNames);
                return true;
            default:
                return false;
        }
    }

    /// <summary>Sessions of the server with a higher number began when the log was read here already, and after this place. Counts once.</summary>
    public void Begin(BinlogPosition at, uint server, ulong session) => _begin ??= (at, server, session);

    /// <summary>Whether a statement's session uses temporary tables, and may have made some that are not known: before the log was read here.</summary>
    public bool MayBeUnknown(QueryEvent query) =>
        (query.Flags & BinlogEventFlags.ThreadSpecific) != 0
        && !(_firstStart <= query.Position)
        && !(_begin is { } begin && begin.At < query.Position && begin.Server == query.ServerId && begin.Session < query.ThreadId);

    /// <summary>The server has started again: all sessions before are gone.</summary>
    public void EndAll(BinlogPosition at)
    {
        _firstStart = _firstStart < at ? _firstStart : at;
        foreach (var life in _lives.Values.SelectMany(l => l).Where(l => l.Begin < at && !(l.End < at)).ToArray())
        {
            End(life, at);
        }
    }

    private bool Has(QueryEvent query, TableName name) =>
        _lives.GetValueOrDefault((query.ServerId, query.ThreadId))?.Exists(l => l.Name == name && l.IsAt(query.Position)) == true;

    private void Begin(QueryEvent query, IReadOnlyList<TableName> names)
    {
        foreach (var name in names.Where(n => !Has(query, n)))
        {
            var session = (query.ServerId, query.ThreadId);
            if (!_lives.TryGetValue(session, out var lives))
            {
                _lives[session] = lives = [];
            }

            lives.Add(new Life(session, name, query.Position));
        }
    }

    // However the server compares names, one that may be dropped counts as dropped.
    private void End(QueryEvent query, IReadOnlyList<TableName> names)
    {
        var comparer = new TableNameComparer(ignoreCase: true);
        foreach (var life in (_lives.GetValueOrDefault((query.ServerId, query.ThreadId)) ?? []).Where(l => l.IsAt(query.Position) && names.Contains(l.Name, comparer)).ToArray())
        {
            End(life, query.Position);
        }
    }

    private void End(Life life, BinlogPosition at)
    {
        if (life.End is null)
        {
            _ended.Enqueue(life);
        }

        life.End = at;
        if (_ended.Count > MaxEnded && _ended.Dequeue() is var oldest && _lives.TryGetValue(oldest.Session, out var lives))
        {
            lives.Remove(oldest);
            if (lives.Count == 0)
            {
                _lives.Remove(oldest.Session);
            }
        }
    }

    private sealed class Life((uint Server, uint Session) session, TableName name, BinlogPosition begin)
    {
        public (uint Server, uint Session) Session { get; } = session;

        public TableName Name { get; } = name;

        public BinlogPosition Begin { get; } = begin;

        public BinlogPosition? End { get; set; }

        // A statement's position is where it ends: the one that drops a table still meets it.
        public bool IsAt(BinlogPosition position) => Begin <= position && !(End < position);
    }
}
