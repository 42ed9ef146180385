using Microsoft.Extensions.Logging;

namespace Switchyard.Proxy.Shadow;

/// <summary>Log messages of shadow reads; event ids 3060 to 3069.</summary>
internal static partial class ShadowLog
{
    [LoggerMessage(3060, LogLevel.Warning, "Migration {Migration}: the target answers {Shape} differently ({Kind}): {Detail}")]
    public static partial void ShapeDiffers(ILogger logger, string migration, string shape, string kind, string detail);

    [LoggerMessage(3061, LogLevel.Debug, "Migration {Migration}: a statement that differs: {Statement}")]
    public static partial void StatementDiffers(ILogger logger, string migration, string statement);

    [LoggerMessage(3062, LogLevel.Error, "A shadow read of migration {Migration} failed by a defect of the proxy.")]
    public static partial void Failed(ILogger logger, Exception exception, string migration);
}
