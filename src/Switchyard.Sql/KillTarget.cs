namespace Switchyard.Sql;

/// <summary>Whom a KILL names.</summary>
/// <param name="QueryOnly">KILL QUERY: the connection lives on.</param>
/// <param name="ConnectionId">The number in the statement.</param>
/// <param name="Start">Offset of the number in the statement, in bytes.</param>
/// <param name="Length">Length of the number, in bytes.</param>
public readonly record struct KillTarget(bool QueryOnly, ulong ConnectionId, int Start, int Length);
