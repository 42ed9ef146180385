using Switchyard.Wire;
using Switchyard.Wire.Payloads;

namespace Switchyard.Client.Protocol;

/// <summary>Reads a run of column definitions and the EOF behind it, where there is one.</summary>
internal static class ColumnReader
{
    public static async Task<ResultColumn[]> ReadAsync(CommandChannel channel, int count, CancellationToken cancellationToken)
    {
        var columns = new ResultColumn[count];
        for (var i = 0; i < count; i++)
        {
            var payload = await channel.ReadAsync(cancellationToken).ConfigureAwait(false);
            columns[i] = ResultColumn.From(ColumnDefinitionPayload.Parse(payload.Span, channel.Capabilities));
        }

        if (count > 0 && !channel.Has(Capabilities.DeprecateEof))
        {
            var payload = await channel.ReadAsync(cancellationToken).ConfigureAwait(false);
            EofPayload.Parse(payload.Span, channel.Capabilities);
        }

        return columns;
    }
}
