namespace Switchyard.Sql;

/// <summary>Whose connections a KILL USER of MariaDB's names.</summary>
/// <param name="QueryOnly">KILL QUERY USER: the connections live on.</param>
/// <param name="Name">The user.</param>
/// <param name="HasHost">Only those from one host are meant.</param>
public sealed record KilledUser(bool QueryOnly, string Name, bool HasHost);
