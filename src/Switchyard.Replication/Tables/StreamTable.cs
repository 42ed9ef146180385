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
}
