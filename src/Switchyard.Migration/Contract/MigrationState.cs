namespace Switchyard.Migration;

/// <summary>Where a migration stands. The names, in lower case, are part of the contract with scripts.</summary>
public enum MigrationState
{
    /// <summary>Checked and recorded; nothing copied yet.</summary>
    Created,

    /// <summary>Rows are being copied while the stream runs.</summary>
    Copying,

    /// <summary>In sync: the target follows the source, the source takes reads and writes.</summary>
    Running,

    /// <summary>Data-router mode: reads may go to the target, writes go to the source.</summary>
    Validating,

    /// <summary>A switch is under way.</summary>
    Switching,

    /// <summary>The target is authoritative; the source follows.</summary>
    Switched,

    /// <summary>A reverse is under way.</summary>
    Reversing,

    /// <summary>The migration is being finished at the target.</summary>
    Completing,

    /// <summary>Finished at the target; nothing of ours is left on either server.</summary>
    Completed,

    /// <summary>Taken back while the source was authoritative; nothing of ours is left on either server.</summary>
    Cancelled,

    /// <summary>Stopped by the operator; goes on with <c>start</c>.</summary>
    Stopped,

    /// <summary>Stopped by a failure, which <c>error</c> names; goes on with <c>start</c> once it is resolved.</summary>
    Error,
}
