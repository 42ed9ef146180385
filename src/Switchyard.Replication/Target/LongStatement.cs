using Switchyard.Client;
using Switchyard.Replication.Values;
using Switchyard.Wire;

namespace Switchyard.Replication.Target;

/// <summary>
/// A statement longer than the target's max_allowed_packet because of its values, each of which may be as long: escaped, a value of zeros takes twice its bytes. The values
/// are sent ahead, in pieces, as parameters.
/// </summary>
internal static class LongStatement
{
    /// <returns>Null when the server does not take it in this way either: a single value is too long, or what is not a value.</returns>
    public static async Task<OkResult?> TryExecuteAsync(BackendConnection target, StreamedText text, int start, int end, long maxBytes, CancellationToken cancellationToken)
    {
        using var sql = new PayloadWriter(64 * 1024);
        var values = text.WriteParameterized(start, end, sql);
        if (sql.Length >= maxBytes || values.Exists(v => v.Length > maxBytes))
        {
            return null;
        }

        var statement = await target.PrepareAsync(sql.WrittenMemory, cancellationToken).ConfigureAwait(false);
        await using var lease = statement.ConfigureAwait(false);
        for (var i = 0; i < values.Count; i++)
        {
            await statement.SendLongDataAsync(i, values[i], cancellationToken).ConfigureAwait(false);
        }

        return await statement.ExecuteAsync([.. values.Select(_ => PreparedStatement.LongData)], cancellationToken).ConfigureAwait(false);
    }
}
