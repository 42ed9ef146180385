namespace Switchyard.Client.Protocol;

/// <summary>A server may ask for the contents of any file of ours in answer to a query: it gets none.</summary>
internal static class LocalInfile
{
    public const byte RequestHeader = 0xFB;

    /// <summary>Answers with an empty file; the server's own OK or ERR follows as the result.</summary>
    public static ValueTask RefuseAsync(CommandChannel channel, CancellationToken cancellationToken) =>
        channel.SendNextAsync(default, cancellationToken);
}
