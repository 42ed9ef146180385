using System.Net;
using Microsoft.Extensions.Logging;

namespace Switchyard.Proxy;

/// <summary>Log messages of the proxy; event ids 3000 to 3999.</summary>
internal static partial class ProxyLog
{
    [LoggerMessage(3000, LogLevel.Information, "The proxy listens on {Address}.")]
    public static partial void Listening(ILogger logger, EndPoint address);

    [LoggerMessage(3001, LogLevel.Debug, "Session {Session} of {Client} ended: {Reason}")]
    public static partial void SessionEnded(ILogger logger, Exception exception, long session, EndPoint client, string reason);

    [LoggerMessage(3009, LogLevel.Information, "Session {Session} ended: the connection to backend {Backend} broke or was killed within a command.")]
    public static partial void BackendLost(ILogger logger, Exception exception, long session, string backend);

    [LoggerMessage(3013, LogLevel.Warning, "Session {Session} ended: backend {Backend} answered against the protocol.")]
    public static partial void BackendMalformed(ILogger logger, Exception exception, long session, string backend);

    [LoggerMessage(3002, LogLevel.Error, "Session {Session} of {Client} failed by a defect of the proxy and was closed.")]
    public static partial void SessionFailed(ILogger logger, Exception exception, long session, EndPoint client);

    [LoggerMessage(3003, LogLevel.Warning, "Accepting a connection failed: {Reason}")]
    public static partial void AcceptFailed(ILogger logger, string reason);

    [LoggerMessage(3004, LogLevel.Warning, "A connection of {Peer} was closed: {Reason}")]
    public static partial void HeaderRefused(ILogger logger, EndPoint peer, string reason);

    [LoggerMessage(3005, LogLevel.Information, "Session {Session}: backend {Backend} has ended the connection; so has the client's been.")]
    public static partial void LegEndedByBackend(ILogger logger, long session, string backend);

    [LoggerMessage(3006, LogLevel.Information, "The certificate {Path} is in use, valid until {NotAfter:yyyy-MM-dd HH:mm}Z.")]
    public static partial void CertificateLoaded(ILogger logger, string path, DateTime notAfter);

    [LoggerMessage(3007, LogLevel.Error, "The certificate was not reloaded, and the one before stays in use: {Reason}")]
    public static partial void CertificateNotReloaded(ILogger logger, string reason);

    [LoggerMessage(3008, LogLevel.Warning, "A login of {Client} as {Account} was refused: migration {Migration} is being switched to backend {Backend}, which does not let that account in.")]
    public static partial void LoginRefusedBySwitch(ILogger logger, EndPoint client, string account, string migration, string backend);

    [LoggerMessage(3010, LogLevel.Warning, "Session {Session}: {Name} could not be carried to backend {Backend}: {Reason}")]
    public static partial void StateNotCarried(ILogger logger, long session, string name, string backend, string reason);

    [LoggerMessage(3011, LogLevel.Warning, "Connection {Connection} that a client left running on backend {Backend} could not be ended: {Reason}")]
    public static partial void LegNotReaped(ILogger logger, uint connection, string backend, string reason);

    [LoggerMessage(3012, LogLevel.Warning, "A wrong password of {Client} could not be shown to backend {Backend}, which has not counted it: {Reason}")]
    public static partial void FailedLoginNotCounted(ILogger logger, EndPoint client, string backend, string reason);

    [LoggerMessage(3020, LogLevel.Information, "Gate {Gate}: held at epoch {Epoch}.")]
    public static partial void GateHeld(ILogger logger, string gate, long epoch);

    [LoggerMessage(3021, LogLevel.Information, "Gate {Gate}: drained after {Milliseconds} ms.")]
    public static partial void GateDrained(ILogger logger, string gate, double milliseconds);

    [LoggerMessage(3022, LogLevel.Information, "Gate {Gate}: {State}, {Statements} statements released, longest hold {Milliseconds} ms.")]
    public static partial void GateReleased(ILogger logger, string gate, string state, int statements, double milliseconds);

    [LoggerMessage(3023, LogLevel.Warning, "Gate {Gate} is given up: {Reason}")]
    public static partial void GateAbandoned(ILogger logger, string gate, string reason);

    [LoggerMessage(3024, LogLevel.Error, "Gate {Gate}: the topology could not be told: {Reason}")]
    public static partial void GateStoreFailed(ILogger logger, string gate, string reason);

    [LoggerMessage(3030, LogLevel.Information, "Proxy {Proxy} is a member of the topology.")]
    public static partial void Joined(ILogger logger, string proxy);

    [LoggerMessage(3031, LogLevel.Error, "Proxy {Proxy} lost its membership; statements on tables of migrations wait until it is renewed.")]
    public static partial void MembershipLost(ILogger logger, string proxy);

    [LoggerMessage(3032, LogLevel.Warning, "Proxy {Proxy} could not become a member again, and goes on trying.")]
    public static partial void RejoinFailed(ILogger logger, Exception exception, string proxy);

    [LoggerMessage(3040, LogLevel.Warning, "Warming session {Session} for backend {Backend} failed: {Reason}")]
    public static partial void WarmFailed(ILogger logger, long session, string backend, string reason);

    [LoggerMessage(3050, LogLevel.Warning, "Reads of migration {Migration} go to the source: {Reason}")]
    public static partial void ReadsFellBack(ILogger logger, string migration, string reason);
}
