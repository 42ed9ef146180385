namespace Switchyard.Sql;

/// <summary>Whom a KILL names.</summary>
/// <param name="QueryOnly">KILL QUERY: the connection lives on.</param>
/// <param name="ConnectionId">The number in the statement; null where a parameter stands for it.</param>
/// <param name="Start">Offset of the number, or parameter, in the statement, in bytes.</param>
/// <param name="Length">Its length, in bytes.</param>
public readonly record struct KillTarget(bool QueryOnly, ulong? ConnectionId, int Start, int Length);
