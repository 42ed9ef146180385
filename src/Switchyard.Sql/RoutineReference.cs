namespace Switchyard.Sql;

/// <summary>A stored routine a statement names, or a function that is not known to be built in.</summary>
/// <param name="Schema">As written; null for the session's current one.</param>
/// <param name="Name">As written, quotes removed; servers compare it without regard to case.</param>
/// <param name="IsProcedure">Named by CALL.</param>
public readonly record struct RoutineReference(string? Schema, string Name, bool IsProcedure)
{
    /// <inheritdoc/>
    public override string ToString() => Schema is null ? Name : $"{Schema}.{Name}";
}
