using System.Text;
using Switchyard.Client.Protocol;
using Switchyard.Wire;
using Switchyard.Wire.Payloads;

namespace Switchyard.Client;

/// <summary>
/// Reads the rows of a result as they come, without copying: a value is valid until the next read. Values are text as the server prints
/// them; those of prepared statements are printed here from their binary form.
/// </summary>
public sealed class ResultReader : IAsyncDisposable
{
    /// <summary>What a caller left unread is read and dropped for this long; then the connection is given up instead.</summary>
    private static readonly TimeSpan s_maxDrain = TimeSpan.FromSeconds(30);

    // A smaller row may lie in a large buffer, which it would keep from being collected.
    private const int MinKeptRow = 1024 * 1024;

    private readonly CommandChannel _channel;
    private readonly bool _isBinary;
    private readonly PayloadWriter? _printed;
    private ResultColumn[] _columns = [];
    private ColumnNames? _names;
    private ReadOnlyMemory<byte> _row;

    // Of the current row: where each value starts in _row, and its length, -1 for NULL.
    private int[] _starts = [];
    private int[] _lengths = [];
    private bool _hasRow;
    private bool _isSkipping;
    private bool _rowsEnded = true;
    private bool _allEnded;

    private ResultReader(CommandChannel channel, bool isBinary)
    {
        _channel = channel;
        _isBinary = isBinary;
        _printed = isBinary ? new PayloadWriter(1024) : null;
    }

    /// <summary>Empty when the current statement gave no result set.</summary>
    public IReadOnlyList<ResultColumn> Columns => _columns;

    public bool HasRows => _columns.Length > 0;

    /// <summary>Which result of several this is, counted from zero.</summary>
    public int StatementIndex { get; private set; }

    /// <summary>The end of the current result: set once it has been read to its end.</summary>
    public OkResult? Ok { get; private set; }

    /// <summary>Moves to the next row.</summary>
    /// <returns>False after the last row of this result.</returns>
    /// <exception cref="ServerErrorException">The statement failed half way.</exception>
    public ValueTask<bool> ReadAsync(CancellationToken cancellationToken)
    {
        _hasRow = false;
        if (_rowsEnded)
        {
            return new ValueTask<bool>(false);
        }

        return _channel.TryRead(out var payload) ? new ValueTask<bool>(Accept(payload)) : ReadSlowAsync(cancellationToken);
    }

    /// <summary>Whether this result has a further row, whose values nobody wants, nor those of rows after it.</summary>
    public ValueTask<bool> HasMoreAsync(CancellationToken cancellationToken)
    {
        Skip();
        return ReadAsync(cancellationToken);
    }

    /// <summary>Moves to the next result of a multi-statement or procedure, skipping what is left of this one.</summary>
    /// <returns>False when there is none.</returns>
    public async ValueTask<bool> NextResultAsync(CancellationToken cancellationToken)
    {
        while (await ReadAsync(cancellationToken).ConfigureAwait(false))
        {
        }

        if (_allEnded)
        {
            return false;
        }

        StatementIndex++;
        await ReadHeadAsync(cancellationToken).ConfigureAwait(false);
        return true;
    }

    /// <summary>
    /// Makes the current row's values last beyond the next read, without a copy, until what is returned is disposed of, or nothing refers to it and them. Null for rows
    /// that are small, or printed here.
    /// </summary>
    public IDisposable? KeepRow() => _hasRow && !_isBinary && _row.Length > MinKeptRow ? _channel.GiveAway() : null;

    public bool IsNull(int column) => Length(column) < 0;

    /// <summary>The value's bytes, valid until the next read; empty for NULL.</summary>
    public ReadOnlySpan<byte> GetBytes(int column) => GetMemory(column).Span;

    /// <summary>The value's bytes, valid until the next read; empty for NULL.</summary>
    public ReadOnlyMemory<byte> GetMemory(int column)
    {
        var length = Length(column);
        return length < 0 ? default : _row.Slice(_starts[column], length);
    }

    /// <summary>The value as UTF-8 text.</summary>
    /// <exception cref="InvalidOperationException">The value is NULL.</exception>
    public string GetString(int column) => Encoding.UTF8.GetString(NotNull(column));

    public string? GetStringOrNull(int column) => IsNull(column) ? null : GetString(column);

    /// <exception cref="InvalidOperationException">The value is NULL.</exception>
    /// <exception cref="FormatException">The value is not a whole number in range.</exception>
    public long GetInt64(int column) => long.Parse(NotNull(column), provider: null);

    /// <exception cref="InvalidOperationException">The value is NULL.</exception>
    /// <exception cref="FormatException">The value is not a whole number in range.</exception>
    public ulong GetUInt64(int column) => ulong.Parse(NotNull(column), provider: null);

    /// <summary>The column of this name, without regard to case.</summary>
    /// <exception cref="ArgumentException">There is none.</exception>
    public int IndexOf(string column) => Names.IndexOf(column);

    /// <summary>
    /// Reads and drops what is left, so that the connection can take the next command. If that is too much, the connection becomes unusable
    /// and says so at its next command.
    /// </summary>
    public async ValueTask DisposeAsync()
    {
        if (!_allEnded && _channel.IsUsable)
        {
            using var limit = new CancellationTokenSource(s_maxDrain);
            Skip();
            try
            {
                while (await NextResultAsync(limit.Token).ConfigureAwait(false))
                {
                }
            }
            catch (Exception e) when (e is ServerErrorException or BackendUnavailableException or OperationCanceledException)
            {
                // The caller gave up the result; if the connection is lost, its next command says so.
            }
        }

        _printed?.Dispose();
    }

    internal static async Task<ResultReader> OpenAsync(CommandChannel channel, bool isBinary, CancellationToken cancellationToken)
    {
        var reader = new ResultReader(channel, isBinary);
        await reader.ReadHeadAsync(cancellationToken).ConfigureAwait(false);
        return reader;
    }

    internal async Task<IReadOnlyList<QueryResult>> BufferAllAsync(CancellationToken cancellationToken)
    {
        var results = new List<QueryResult>();
        do
        {
            var rows = new List<QueryRow>();
            while (await ReadAsync(cancellationToken).ConfigureAwait(false))
            {
                rows.Add(CopyRow());
            }

            results.Add(new QueryResult(_columns, rows, Ok!));
        }
        while (await NextResultAsync(cancellationToken).ConfigureAwait(false));
        return results;
    }

    internal async Task<IReadOnlyList<OkResult>> SkipAllAsync(CancellationToken cancellationToken)
    {
        var results = new List<OkResult>();
        bool hasNext;
        do
        {
            while (await ReadAsync(cancellationToken).ConfigureAwait(false))
            {
            }

            results.Add(Ok!);
            hasNext = await NextResultAsync(cancellationToken).ConfigureAwait(false);
        }
        while (hasNext);
        return results;
    }

    private void Skip()
    {
        _isSkipping = true;
        _channel.DropLong();
    }

    private ColumnNames Names => _names ??= new ColumnNames(_columns);

    private int Length(int column) => _hasRow ? _lengths[column] : throw new InvalidOperationException("There is no current row.");

    private ReadOnlySpan<byte> NotNull(int column) =>
        IsNull(column) ? throw new InvalidOperationException($"Column {_columns[column].Name} is NULL in this row.") : GetBytes(column);

    private QueryRow CopyRow()
    {
        var ends = new int[_columns.Length];
        var total = 0;
        for (var i = 0; i < ends.Length; i++)
        {
            total += Math.Max(0, _lengths[i]);
        }

        var bytes = new byte[total];
        var end = 0;
        for (var i = 0; i < ends.Length; i++)
        {
            GetBytes(i).CopyTo(bytes.AsSpan(end));
            end += Math.Max(0, _lengths[i]);
            ends[i] = _lengths[i] < 0 ? ~end : end;
        }

        return new QueryRow(Names, bytes, ends);
    }

    private async ValueTask<bool> ReadSlowAsync(CancellationToken cancellationToken) =>
        Accept(await _channel.ReadAsync(cancellationToken).ConfigureAwait(false));

    /// <summary>Takes a payload in the place of a row: a row, the end or an error.</summary>
    private bool Accept(ReadOnlyMemory<byte> payload)
    {
        try
        {
            var span = payload.Span;
            if (span.IsEmpty)
            {
                throw new MalformedPacketException("The server sent an empty packet in place of a row.");
            }

            if (span[0] == ErrorPayload.Header)
            {
                throw Fail(span);
            }

            if (_channel.Has(Capabilities.DeprecateEof) ? OkPayload.IsEndOfRows(span) : EofPayload.IsEof(span))
            {
                End(_channel.Has(Capabilities.DeprecateEof)
                    ? OkResult.From(OkPayload.Parse(span, _channel.Capabilities))
                    : OkResult.From(EofPayload.Parse(span, _channel.Capabilities)));
                return false;
            }

            if (_isSkipping)
            {
                return true;
            }

            if (_isBinary)
            {
                _printed!.Reset(1024 * 1024);
                BinaryRow.Print(span, _columns, _printed, _starts, _lengths);
                _row = _printed.WrittenMemory;
            }
            else
            {
                TextRow.Index(span, _starts, _lengths);
                _row = payload;
            }

            _hasRow = true;
            return true;
        }
        catch (MalformedPacketException e)
        {
            throw _channel.Break(e, default);
        }
    }

    private async Task ReadHeadAsync(CancellationToken cancellationToken)
    {
        Ok = null;
        _columns = [];
        _names = null;
        try
        {
            while (true)
            {
                var payload = await _channel.ReadAsync(cancellationToken).ConfigureAwait(false);
                var header = payload.IsEmpty ? throw new MalformedPacketException("The server sent an empty packet in place of a result.") : payload.Span[0];
                switch (header)
                {
                    case OkPayload.Header:
                        End(OkResult.From(OkPayload.Parse(payload.Span, _channel.Capabilities)));
                        return;
                    case ErrorPayload.Header when ErrorPayload.Parse(payload.Span).Code == ErrorPayload.ProgressReportCode:
                        continue;
                    case ErrorPayload.Header:
                        throw Fail(payload.Span);
                    case LocalInfile.RequestHeader:
                        await LocalInfile.RefuseAsync(_channel, cancellationToken).ConfigureAwait(false);
                        break;
                    default:
                        await ReadColumnsAsync(ReadColumnCount(payload.Span), cancellationToken).ConfigureAwait(false);
                        return;
                }
            }
        }
        catch (MalformedPacketException e)
        {
            throw _channel.Break(e, cancellationToken);
        }
    }

    private static int ReadColumnCount(ReadOnlySpan<byte> payload)
    {
        var count = new PayloadReader(payload).ReadLengthEncodedInteger();
        return count is > 0 and <= ushort.MaxValue ? (int)count : throw new MalformedPacketException($"The server announces a result of {count} columns.");
    }

    private async Task ReadColumnsAsync(int count, CancellationToken cancellationToken)
    {
        _columns = await ColumnReader.ReadAsync(_channel, count, cancellationToken).ConfigureAwait(false);
        if (_starts.Length != count)
        {
            _starts = new int[count];
            _lengths = new int[count];
        }

        _rowsEnded = false;
    }

    private void End(OkResult ok)
    {
        _rowsEnded = true;
        Ok = ok;
        _allEnded = (ok.Status & ServerStatus.MoreResultsExist) == 0;
        if (_allEnded)
        {
            _channel.Complete(ok.Status);
        }
        else
        {
            _channel.Status = ok.Status;
        }
    }

    private ServerErrorException Fail(ReadOnlySpan<byte> payload)
    {
        _rowsEnded = true;
        _allEnded = true;
        _channel.Complete();
        return ServerErrorException.From(payload, StatementIndex);
    }
}
