using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Text;
using Switchyard.Proxy.Backends;
using Switchyard.Proxy.Frontend;
using Switchyard.Proxy.Relay;
using Switchyard.Sql;
using Switchyard.Wire;

namespace Switchyard.Proxy.Sessions;

/// <summary>What each command is: which statement it stands for, where it goes and what shape its answer has.</summary>
internal sealed partial class ProxySession
{
    /// <summary>A command that touches nothing, such as COM_PING.</summary>
    private static readonly StatementInfo s_nothing = SqlScanner.Scan("DO 0"u8, default);

    [AsyncMethodBuilder(typeof(PooledValueTaskBuilder<>))]
    private async ValueTask<bool> DispatchAsync(PacketFrame frame, CancellationToken cancellationToken)
    {
        var kind = (CommandKind)_client.Buffered[PacketLimits.HeaderSize];
        switch (kind)
        {
            case CommandKind.Quit:
                return false;
            case CommandKind.Query:
                await QueryAsync(frame, cancellationToken);
                return true;
            case CommandKind.StatementPrepare:
                await PrepareAsync(frame, cancellationToken);
                return true;
            case CommandKind.StatementExecute:
                await ExecuteAsync(frame, cancellationToken);
                return true;
            case CommandKind.StatementBulkExecute when (_capabilities & Capabilities.MariaDbStatementBulkOperations) != 0:
                await BulkExecuteAsync(frame, cancellationToken);
                return true;
            case CommandKind.StatementSendLongData:
                await SendLongDataAsync(frame, cancellationToken);
                return true;
            case CommandKind.StatementFetch:
                await FetchAsync(frame, cancellationToken);
                return true;
            case CommandKind.StatementReset:
                await ResetStatementAsync(frame, cancellationToken);
                return true;
            case CommandKind.StatementClose:
                await CloseStatementAsync(frame, cancellationToken);
                return true;
            case CommandKind.InitDb:
                await InitDbAsync(frame, cancellationToken);
                return true;
            case CommandKind.Ping:
            case CommandKind.Debug:
            case CommandKind.ProcessInfo:
            case CommandKind.Refresh:
            case CommandKind.Shutdown:
            case CommandKind.CreateDb:
            case CommandKind.DropDb:
                await RunAsync(new Statement(s_nothing, frame, ResponseShape.Results), cancellationToken);
                return true;
            case CommandKind.Statistics:
                await RunAsync(new Statement(s_nothing, frame, ResponseShape.OnePacket), cancellationToken);
                return true;
            case CommandKind.FieldList:
                await FieldListAsync(frame, cancellationToken);
                return true;
            case CommandKind.SetOption:
                await SetOptionAsync(frame, cancellationToken);
                return true;
            case CommandKind.ProcessKill:
                await ProcessKillAsync(frame, cancellationToken);
                return true;
            case CommandKind.ResetConnection:
                await ResetConnectionAsync(frame, cancellationToken);
                return true;
            case CommandKind.ChangeUser:
                return await ChangeUserAsync(frame, cancellationToken);
            case CommandKind.BinlogDump:
            case CommandKind.BinlogDumpGtid:
                return await StreamBinaryLogAsync(frame, cancellationToken);
            case CommandKind.Clone:
            case CommandKind.SubscribeGroupReplicationStream:
                // They turn the connection into something else, which is not relayed.
                await SendErrorAsync(ClientError.UnknownCommand, _answerNumber, cancellationToken);
                return true;
            default:
                // COM_REGISTER_SLAVE, and what no server knows: the backend says so in its own words.
                await RunAsync(new Statement(s_nothing, frame, ResponseShape.Results), cancellationToken);
                return true;
        }
    }

    /// <summary>The command's payload behind its first byte.</summary>
    private ReadOnlyMemory<byte> Argument(PacketFrame frame) => PacketIO.Payload(_client, frame)[1..];

    [AsyncMethodBuilder(typeof(PooledValueTaskBuilder))]
    private async ValueTask QueryAsync(PacketFrame frame, CancellationToken cancellationToken)
    {
        var info = Analyze(frame);
        if (_scanOptionsUncertain && !info.Has(SessionEffects.ReadsDiagnostics))
        {
            await RefreshScanOptionsAsync(_current!, cancellationToken);
            info = Analyze(frame);
        }

        info = info.Routines.IsEmpty ? info : await _context.Routines.ExpandAsync(info, _state.Schema, _context.View.Current, cancellationToken);
        var statement = new Statement(info, frame, ResponseShape.Results);
        if (IsOrderToKill(info) && await TryKillAsync(statement, cancellationToken))
        {
            return;
        }

        if (await RunAsync(statement, cancellationToken) && _context.Shadow.IsOn)
        {
            OfferShadow(statement);
        }
    }

    private StatementInfo Analyze(PacketFrame frame) => _context.Statements.GetOrScan(
        HasAttributes ? QueryText(frame).Span : _client.Buffered[(PacketLimits.HeaderSize + 1)..frame.RawLength], _scanOptions);

    /// <summary>COM_FIELD_LIST names a table, then a pattern behind a zero byte.</summary>
    private async ValueTask FieldListAsync(PacketFrame frame, CancellationToken cancellationToken)
    {
        var name = Argument(frame).Span;
        var end = name.IndexOf((byte)0);
        var table = (_scanOptions.Encoding ?? Encoding.UTF8).GetString(end < 0 ? name : name[..end]);
        var statement = Encoding.UTF8.GetBytes($"SELECT * FROM `{table.Replace("`", "``", StringComparison.Ordinal)}` LIMIT 0");
        await RunAsync(new Statement(_context.Statements.GetOrScan(statement, _scanOptions.WithClientCharacterSet("utf8mb4")), frame, ResponseShape.UntilEnd) { IsAboutDefinitions = true }, cancellationToken);
    }

    private async ValueTask SetOptionAsync(PacketFrame frame, CancellationToken cancellationToken)
    {
        var argument = Argument(frame).ToArray();
        if (await RunAsync(new Statement(s_nothing, frame, ResponseShape.Results), cancellationToken) && _current!.Scanner.ErrorCode == 0)
        {
            _state.OptionSet(argument);
            _current.SyncedVersion = _state.Version;
            var isMulti = argument.Length >= 2 && BinaryPrimitives.ReadUInt16LittleEndian(argument) == 0;
            _scanOptions = _scanOptions with { MultiStatements = isMulti };

            // Servers keep it as if the client had logged in with it: over resets and changes of user, too.
            _capabilities = isMulti ? _capabilities | Capabilities.MultiStatements : _capabilities & ~Capabilities.MultiStatements;
        }
    }

    private async ValueTask ProcessKillAsync(PacketFrame frame, CancellationToken cancellationToken)
    {
        var argument = Argument(frame);
        if (argument.Length < sizeof(uint))
        {
            await RunAsync(new Statement(s_nothing, frame, ResponseShape.Results), cancellationToken);
            return;
        }

        var id = BinaryPrimitives.ReadUInt32LittleEndian(argument.Span);
        await KillAsync(KillOrder.Connection(id), new Statement(s_nothing, frame, ResponseShape.Results), cancellationToken);
    }
}
