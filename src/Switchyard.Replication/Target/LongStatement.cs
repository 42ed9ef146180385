using Switchyard.Client;
using Switchyard.Replication.Values;
using Switchyard.Wire;

namespace Switchyard.Replication.Target;

/// <summary>
/// A statement with large values, which are sent ahead, in pieces, as parameters: the server neither reads them as SQL nor counts them together. So it may be longer than the
/// target's max_allowed_packet, as long as none of its values is: escaped, a value of zeros takes twice its bytes.
/// </summary>
internal static class LongStatement
{
    /// <summary>A value from here on is cheaper sent as a parameter, for two answers more to wait for, than read by the server as SQL.</summary>
    public const int WorthwhileBytes = 64 * 1024;

    private const int TooManyPrepared = 1461;
    private const int NeedsPreparingAgain = 1615;

    /// <returns>Null when the server does not take it in this way: a single value is too long, or what is not a value; or it has no room for another prepared statement, or keeps losing it.</returns>
    public static async Task<OkResult?> TryExecuteAsync(BackendConnection target, StreamedText text, int start, int end, long maxBytes, CancellationToken cancellationToken)
    {
        using var sql = new PayloadWriter(64 * 1024);
        var values = text.WriteParameterized(start, end, sql);
        if (sql.Length >= maxBytes || values.Exists(v => v.Length > maxBytes))
        {
            return null;
        }

        PreparedStatement statement;
        try
        {
            statement = await target.PrepareAsync(sql.WrittenMemory, cancellationToken).ConfigureAwait(false);
        }
        catch (ServerErrorException e) when (e.Code == TooManyPrepared)
        {
            return null;
        }

        // What was sent of the values is kept where they lie: they can be sent once more, as text.
        await using var lease = statement.ConfigureAwait(false);
        for (var i = 0; i < values.Count; i++)
        {
            await statement.SendLongDataAsync(i, values[i], cancellationToken).ConfigureAwait(false);
        }

        try
        {
            return await statement.ExecuteAsync([.. values.Select(_ => PreparedStatement.LongData)], cancellationToken).ConfigureAwait(false);
        }
        catch (ServerErrorException e) when (e.Code == NeedsPreparingAgain)
        {
            return null;
        }
    }
}
