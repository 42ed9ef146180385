using Switchyard.Binlog;
using Switchyard.Replication.Copy;
using Switchyard.Replication.Schema;

namespace Switchyard.Replication.Tables;

/// <summary>One table of a stream: how it is moved, and how far its copy is. Changed by the applier alone.</summary>
internal sealed class StreamTable(TableName name)
{
    private volatile TablePlan? _plan;

    public TableName Name { get; } = name;

    /// <summary>Null while the table does not exist on the source.</summary>
    public TablePlan? Plan
    {
        get => _plan;
        set => _plan = value;
    }

    /// <summary>
    /// The plan by the source's definition of now, where it differs from the target's: taken when the log's rows fit it and not <see cref="Plan"/>.
    /// </summary>
    public TablePlan? OtherPlan { get; set; }

    /// <summary>Null once the table is copied completely.</summary>
    public TableCopyState? Copy { get; set; }

    /// <summary>The copier's view; null for a table that is not copied by this stream.</summary>
    public TableWork? Work { get; set; }

    /// <summary>Where the log stood when the table was made anew on the target, empty, as the source had it there; null for a table that never was.</summary>
    public BinlogPosition? MadeAnewAt { get; set; }

    /// <summary>Whether what comes next in the log was before the table was made anew: neither its rows nor its definitions concern the target then.</summary>
    /// <param name="reached">Everything up to here was handled.</param>
    public bool IsMadeAnewAfter(BinlogPosition reached) => MadeAnewAt is { } at && reached < at;
}
