using Switchyard.Client.Protocol;
using Switchyard.Wire;
using Switchyard.Wire.Payloads;

namespace Switchyard.Client;

/// <summary>
/// A statement prepared at the server. Parameters may be null, bool, any integer, float, double, decimal, string, byte[],
/// ReadOnlyMemory&lt;byte&gt;, DateTime, DateOnly and TimeSpan, or <see cref="LongData"/>.
/// </summary>
public sealed class PreparedStatement : IAsyncDisposable
{
    // Below the smallest max_allowed_packet in use.
    private const int LongDataPieceBytes = 512 * 1024;

    private readonly CommandChannel _channel;
    private readonly PrepareOkPayload _prepared;
    private bool _closed;

    private PreparedStatement(CommandChannel channel, PrepareOkPayload prepared, ResultColumn[] parameters, ResultColumn[] columns)
    {
        _channel = channel;
        _prepared = prepared;
        Parameters = parameters;
        Columns = columns;
    }

    /// <summary>As the server describes them; servers say little about parameters before MySQL 8.0.22.</summary>
    public IReadOnlyList<ResultColumn> Parameters { get; }

    /// <summary>Columns at the time of preparing; empty for statements without a result set.</summary>
    public IReadOnlyList<ResultColumn> Columns { get; }

    /// <summary>The server's id of the statement.</summary>
    public uint StatementId => _prepared.StatementId;

    /// <summary>Stands among the parameters for one that was sent before by <see cref="SendLongDataAsync"/>.</summary>
    public static object LongData { get; } = new LongDataMark();

    /// <summary>
    /// Sends a parameter ahead of the execution, in pieces, so that the server's max_allowed_packet holds for it alone. The server does not answer; what was wrong it says when the
    /// statement is run.
    /// </summary>
    public async Task SendLongDataAsync(int parameter, ReadOnlyMemory<byte> data, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_closed, this);
        while (!data.IsEmpty)
        {
            var piece = data[..Math.Min(data.Length, LongDataPieceBytes)];
            var writer = _channel.Begin();
            writer.WriteByte((byte)CommandKind.StatementSendLongData);
            writer.WriteUInt32(StatementId);
            writer.WriteUInt16((ushort)parameter);
            await _channel.SendAsync(piece, cancellationToken).ConfigureAwait(false);
            _channel.Complete();
            SpilledBytes.Release(piece);
            data = data[piece.Length..];
        }
    }

    /// <summary>Runs the statement; a result set, if any, is read and dropped.</summary>
    /// <exception cref="ArgumentException">Not as many parameters as the statement has, or one of a type that cannot be sent.</exception>
    public async Task<OkResult> ExecuteAsync(IReadOnlyList<object?> parameters, CancellationToken cancellationToken)
    {
        var reader = await StreamAsync(parameters, cancellationToken).ConfigureAwait(false);
        await using (reader.ConfigureAwait(false))
        {
            return (await reader.SkipAllAsync(cancellationToken).ConfigureAwait(false))[0];
        }
    }

    /// <summary>Runs the statement and holds its first result set in memory.</summary>
    public async Task<QueryResult> QueryAsync(IReadOnlyList<object?> parameters, CancellationToken cancellationToken)
    {
        var reader = await StreamAsync(parameters, cancellationToken).ConfigureAwait(false);
        await using (reader.ConfigureAwait(false))
        {
            return (await reader.BufferAllAsync(cancellationToken).ConfigureAwait(false))[0];
        }
    }

    /// <summary>Runs the statement and reads its rows as they come.</summary>
    public async Task<ResultReader> StreamAsync(IReadOnlyList<object?> parameters, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_closed, this);
        if (parameters.Count != _prepared.Parameters)
        {
            throw new ArgumentException($"The statement has {_prepared.Parameters} parameters and {parameters.Count} were given.", nameof(parameters));
        }

        BinaryParameters.Check(parameters);
        BinaryParameters.Write(_channel.Begin(), _prepared.StatementId, parameters);
        await _channel.SendAsync(default, cancellationToken).ConfigureAwait(false);
        return await ResultReader.OpenAsync(_channel, isBinary: true, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// Runs the statement with parameters as another client has sent them: of a COM_STMT_EXECUTE without query attributes, all that stands behind the
    /// iteration count, the types included; empty when there are none.
    /// </summary>
    public async Task<ResultReader> StreamAsync(ReadOnlyMemory<byte> sentParameters, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_closed, this);
        var writer = _channel.Begin();
        writer.WriteByte((byte)CommandKind.StatementExecute);
        writer.WriteUInt32(StatementId);
        writer.WriteByte(0);
        writer.WriteUInt32(1);
        await _channel.SendAsync(sentParameters, cancellationToken).ConfigureAwait(false);
        return await ResultReader.OpenAsync(_channel, isBinary: true, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>COM_STMT_CLOSE: the server forgets the statement. It does not answer.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_closed || !_channel.IsReady)
        {
            return;
        }

        _closed = true;
        var writer = _channel.Begin();
        writer.WriteByte((byte)CommandKind.StatementClose);
        writer.WriteUInt32(StatementId);
        try
        {
            await _channel.SendAsync(default, CancellationToken.None).ConfigureAwait(false);
            _channel.Complete();
        }
        catch (BackendUnavailableException)
        {
            // The statement is gone with its connection; the next command says so.
        }
    }

    internal static async Task<PreparedStatement> PrepareAsync(CommandChannel channel, ReadOnlyMemory<byte> sql, CancellationToken cancellationToken)
    {
        if (channel.Has(Capabilities.QueryAttributes))
        {
            throw new InvalidOperationException("Statements cannot be prepared here on a connection opened with query attributes.");
        }

        channel.Begin().WriteByte((byte)CommandKind.StatementPrepare);
        await channel.SendAsync(sql, cancellationToken).ConfigureAwait(false);
        try
        {
            var payload = await channel.ReadAsync(cancellationToken).ConfigureAwait(false);
            if (!payload.IsEmpty && payload.Span[0] == ErrorPayload.Header)
            {
                channel.Complete();
                throw ServerErrorException.From(payload.Span);
            }

            var prepared = PrepareOkPayload.Parse(payload.Span);
            var parameters = await ColumnReader.ReadAsync(channel, prepared.Parameters, cancellationToken).ConfigureAwait(false);
            var columns = await ColumnReader.ReadAsync(channel, prepared.Columns, cancellationToken).ConfigureAwait(false);
            channel.Complete();
            return new PreparedStatement(channel, prepared, parameters, columns);
        }
        catch (MalformedPacketException e)
        {
            throw channel.Break(e, cancellationToken);
        }
    }

    internal sealed class LongDataMark;
}
