using System.Globalization;
using Switchyard.Binlog;
using Switchyard.Client;
using Switchyard.Replication.Schema;

namespace Switchyard.Replication.Ddl;

/// <summary>
/// Gives a session of the target what a statement's meaning depended on at the source: how its words are read, what time it was and where, and what stands for
/// what is left unsaid. The servers' own defaults differ in all of it, and the same words would make another table.
/// </summary>
internal sealed class DdlSession(StreamDefinition definition, ServerInfo source, BackendConnection runner)
{
    // What every server had before there was a choice: utf8mb4_general_ci.
    private const ushort OldUtf8Mb4Collation = 45;

    private ServerInfo Target => runner.Server;

    /// <summary>Makes the session ready for a statement.</summary>
    /// <returns>Null, or why the target cannot take the statement as the source did: words that follow "changed by a statement that".</returns>
    /// <exception cref="ServerErrorException">The target refuses a setting that it has.</exception>
    public async Task<string?> PrepareAsync(QueryEvent query, DdlStatement statement, CancellationToken cancellationToken)
    {
        await TargetSession.PrepareAsync(runner, cancellationToken).ConfigureAwait(false);
        await runner.ExecuteAsync(
            $"SET SESSION sql_mode='{SqlModes.Names(query.SqlMode ?? 0, source, Target)}', "
            + string.Create(CultureInfo.InvariantCulture, $"timestamp={query.Timestamp}.{query.Microseconds:000000}"),
            cancellationToken).ConfigureAwait(false);
        if (statement.Has("AUTO_INCREMENT"))
        {
            await runner.ExecuteAsync(
                string.Create(CultureInfo.InvariantCulture, $"SET SESSION auto_increment_increment={query.AutoIncrementIncrement ?? 1}, auto_increment_offset={query.AutoIncrementOffset ?? 1}"),
                cancellationToken).ConfigureAwait(false);
        }

        return await SetZoneAsync(query, cancellationToken).ConfigureAwait(false)
            ?? await SetTimestampDefaultsAsync(query, statement, cancellationToken).ConfigureAwait(false)
            ?? await SetCollationsAsync(query, statement, cancellationToken).ConfigureAwait(false);
    }

    private async Task<string?> SetZoneAsync(QueryEvent query, CancellationToken cancellationToken)
    {
        if (query.TimeZone is not { } zone)
        {
            return null;
        }

        if (zone.Equals("SYSTEM", StringComparison.OrdinalIgnoreCase))
        {
            const string Ask = "SELECT @@global.system_time_zone";
            var there = await AskSourceAsync(Ask, cancellationToken).ConfigureAwait(false);
            var here = (await runner.QueryAsync(Ask, cancellationToken).ConfigureAwait(false)).GetString(0, 0);
            if (there != here)
            {
                return $"means times of the source's own zone, {there}, where the target's is {here}";
            }
        }

        await runner.ExecuteAsync($"SET SESSION time_zone={SqlText.QuoteString(zone)}", cancellationToken).ConfigureAwait(false);
        return null;
    }

    /// <summary>What a TIMESTAMP without NULL or DEFAULT is: MySQL from 8.0 and MariaDB from 10.8.4 say so in the event; before, it is the server's setting.</summary>
    private async Task<string?> SetTimestampDefaultsAsync(QueryEvent query, DdlStatement statement, CancellationToken cancellationToken)
    {
        if (!statement.Has("TIMESTAMP"))
        {
            return null;
        }

        var wanted = query.ExplicitDefaultsForTimestamp ?? await AskSourceAsync("SELECT @@global.explicit_defaults_for_timestamp", cancellationToken).ConfigureAwait(false) == "1";
        const string Setting = "explicit_defaults_for_timestamp";
        if (((await runner.QueryAsync($"SELECT @@session.{Setting}", cancellationToken).ConfigureAwait(false)).GetInt64(0, 0) != 0) == wanted)
        {
            return null;
        }

        try
        {
            await runner.ExecuteAsync($"SET SESSION {Setting}={(wanted ? 1 : 0)}", cancellationToken).ConfigureAwait(false);
            return null;
        }
        catch (ServerErrorException e) when (!Replication.Target.ServerErrors.IsTransient(e))
        {
            return $"has a TIMESTAMP, whose defaults depend on {Setting}: it is {(wanted ? "ON" : "OFF")} at the source, and the target's cannot be set so ({e.ServerMessage})";
        }
    }

    private async Task<string?> SetCollationsAsync(QueryEvent query, DdlStatement statement, CancellationToken cancellationToken)
    {
        if (!statement.NamesCharacterSetAlone)
        {
            return null;
        }

        const string Alone = "names a character set without a collation, whose own is another one on the target";
        if (!source.IsMariaDb)
        {
            var wanted = query.DefaultUtf8Mb4CollationId ?? OldUtf8Mb4Collation;
            if (!Target.IsAtLeast(ServerVendor.MySql, 8, 0, 11))
            {
                return wanted == OldUtf8Mb4Collation ? null : Alone;
            }

            await runner.ExecuteAsync(string.Create(CultureInfo.InvariantCulture, $"SET SESSION default_collation_for_utf8mb4={wanted}"), cancellationToken).ConfigureAwait(false);
            return null;
        }

        var ids = query.DefaultCollationIds ?? [];
        if (!Target.IsAtLeast(ServerVendor.MariaDb, 11, 2))
        {
            return ids.Count == 0 ? null : Alone;
        }

        var names = ids.Count == 0 ? null : await runner.QueryAsync(
            "SELECT CONCAT(character_set_name, '=', full_collation_name) FROM information_schema.collation_character_set_applicability "
            + $"WHERE id IN ({string.Join(',', ids.Select(id => id.ToString(CultureInfo.InvariantCulture)))})", cancellationToken).ConfigureAwait(false);
        if (names is not null && names.RowCount != ids.Count)
        {
            return Alone;
        }

        await runner.ExecuteAsync($"SET SESSION character_set_collations={SqlText.QuoteString(string.Join(',', names?.Rows.Select(r => r.GetString(0)) ?? []))}", cancellationToken).ConfigureAwait(false);
        return null;
    }

    private async Task<string> AskSourceAsync(string question, CancellationToken cancellationToken)
    {
        var connection = await BackendConnection.OpenAsync(definition.From with { Schema = null }, cancellationToken).ConfigureAwait(false);
        await using var lease = connection.ConfigureAwait(false);
        return (await connection.QueryAsync(question, cancellationToken).ConfigureAwait(false)).GetString(0, 0);
    }
}
