namespace Switchyard.Hosting;

/// <summary>Log messages of the executable, event ids 1000 to 1099.</summary>
internal static partial class ServeLog
{
    [LoggerMessage(1000, LogLevel.Information, "Clients connect to {Proxy}; API and console at {Api}; data in {Data}.")]
    public static partial void Started(ILogger logger, string proxy, string api, string data);

    [LoggerMessage(1001, LogLevel.Information, "Stopping: no new clients, running statements may end.")]
    public static partial void Stopping(ILogger logger);

    [LoggerMessage(1002, LogLevel.Information, "Stopped.")]
    public static partial void Stopped(ILogger logger);

    [LoggerMessage(1003, LogLevel.Information, "Backend {Name} is {Dsn}.")]
    public static partial void BackendGiven(ILogger logger, string name, string dsn);

    [LoggerMessage(1004, LogLevel.Warning, "Backend {Name} cannot be used now: {Reason}")]
    public static partial void BackendUnusable(ILogger logger, string name, string reason);

    [LoggerMessage(1005, LogLevel.Information, "Tables without a routing rule are at {Backend}.")]
    public static partial void DefaultBackend(ILogger logger, string backend);

    [LoggerMessage(1006, LogLevel.Warning, "There is no backend yet, so clients are refused. Add one: switchyard backend add NAME DSN")]
    public static partial void NoBackend(ILogger logger);

    [LoggerMessage(1007, LogLevel.Error, "{Method} {Path} failed.")]
    public static partial void RequestFailed(ILogger logger, string method, string path, Exception error);

    [LoggerMessage(1008, LogLevel.Critical, "The topology store failed; Switchyard ends, so that another start can read the truth from it.")]
    public static partial void StoreLost(ILogger logger, Exception error);

    [LoggerMessage(1012, LogLevel.Warning, "{Configured} is named as the default backend (--default-backend), but {Standing} took its place when a migration was completed, and stays it: name {Standing}. To go back to {Configured} on purpose: switchyard backend add {Configured} DSN --default")]
    public static partial void DefaultIsOfBefore(ILogger logger, string configured, string standing);

    [LoggerMessage(1013, LogLevel.Warning, "Backend {Name} was moved from {Configured} to {Standing} and stays there, though the configuration names the old server still: name the new one. To go back on purpose: switchyard backend move {Name} DSN")]
    public static partial void BackendIsOfBefore(ILogger logger, string name, string configured, string standing);

    [LoggerMessage(1011, LogLevel.Critical, "The topology store failed in a switch, and it is not known which side is authoritative. Switchyard goes on, so that the old side stays closed to writers: make the store writable, then stop and start it.")]
    public static partial void Undecided(ILogger logger, Exception error);

    [LoggerMessage(1009, LogLevel.Warning, "{Part} did not stop within {Seconds} seconds.")]
    public static partial void StopTimedOut(ILogger logger, string part, double seconds);

    /// <summary>The sentence itself can quote a server, so it goes to the caller and not to the log.</summary>
    [LoggerMessage(1010, LogLevel.Information, "{Method} {Path} was refused or failed: {Code}.")]
    public static partial void VerbRefused(ILogger logger, string method, string path, string code);
}
