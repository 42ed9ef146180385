using System.Globalization;

namespace Switchyard.Client;

/// <summary>A connection as a server lists it.</summary>
/// <param name="Id">Its connection id.</param>
/// <param name="User">Its account's user name, or what the server calls a thread of its own.</param>
/// <param name="Host">Where it comes from, with the port; null where the server does not say.</param>
/// <param name="Schema">Its current schema.</param>
/// <param name="Command">What it does, in the server's word: <c>Sleep</c>, <c>Query</c>, <c>Binlog Dump</c>.</param>
/// <param name="Seconds">For how long.</param>
public sealed record ServerProcess(ulong Id, string User, string? Host, string? Schema, string Command, long Seconds)
{
    private const int LongestVerb = 20;

    /// <summary>What the running statement is at, in the server's words: <c>Waiting for disk space</c>; empty where it says nothing.</summary>
    public string State { get; init; } = "";

    /// <summary>The first word of the running statement, such as <c>COMMIT</c>; null where none runs. The rest may hold values.</summary>
    public string? Verb { get; init; }

    /// <summary>The port it comes from; null where the server does not say.</summary>
    public int? Port => Host is { } host && int.TryParse(host.AsSpan(host.LastIndexOf(':') + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var port) ? port : null;

    /// <summary>
    /// Reads the list. By SHOW, since the tables of information_schema that hold running statements (<c>processlist</c>, <c>innodb_trx</c>) cannot be
    /// read on MySQL 8 and later (error 3854) while any client runs a statement with a character outside the Basic Multilingual Plane or an invalid one.
    /// </summary>
    /// <exception cref="ServerErrorException">The server refused it.</exception>
    public static async Task<IReadOnlyList<ServerProcess>> ListAsync(BackendConnection connection, CancellationToken cancellationToken)
    {
        var list = await connection.QueryAsync("SHOW PROCESSLIST", cancellationToken).ConfigureAwait(false);
        return [.. list.Rows.Select(row => new ServerProcess(
            row.GetUInt64(0), row.GetStringOrNull(1) ?? "", row.GetStringOrNull(2), row.GetStringOrNull(3), row.GetStringOrNull(4) ?? "", row.IsNull(5) ? 0 : row.GetInt64(5))
        {
            State = row.GetStringOrNull(6) ?? "",
            Verb = VerbOf(row.GetStringOrNull(7)),
        })];
    }

    /// <summary>
    /// Orders a connection's end. A server knows a killed connection until its transaction has been rolled back, so repeating the order until it is
    /// false sees the connection gone.
    /// </summary>
    /// <returns>False when the server knows no such connection.</returns>
    /// <exception cref="ServerErrorException">The server refused it.</exception>
    public static async Task<bool> KillAsync(BackendConnection connection, ulong id, CancellationToken cancellationToken)
    {
        const int NoSuchThread = 1094;
        try
        {
            await connection.ExecuteAsync($"KILL CONNECTION {id}", cancellationToken).ConfigureAwait(false);
            return true;
        }
        catch (ServerErrorException error) when (error.Code == NoSuchThread)
        {
            return false;
        }
    }

    private static string? VerbOf(string? statement)
    {
        var text = statement.AsSpan().TrimStart();
        var end = 0;
        while (end < text.Length && end < LongestVerb && char.IsAsciiLetter(text[end]))
        {
            end++;
        }

        return end == 0 ? null : text[..end].ToString().ToUpperInvariant();
    }
}
