using System.Text;
using Switchyard.Wire.Auth;
using Switchyard.Wire.Payloads;

namespace Switchyard.Wire.Tests;

/// <summary>One of each payload, written by us.</summary>
internal static class Samples
{
    public const Capabilities Modern = Capabilities.LongPassword | Capabilities.LongFlag | Capabilities.ConnectWithDatabase | Capabilities.Protocol41 |
        Capabilities.Transactions | Capabilities.SecureConnection | Capabilities.PluginAuth | Capabilities.ConnectAttributes |
        Capabilities.PluginAuthLengthEncodedData | Capabilities.SessionTrack | Capabilities.DeprecateEof;

    public const Capabilities MariaDb = (Modern & ~Capabilities.LongPassword) | Capabilities.MariaDbProgress | Capabilities.MariaDbStatementBulkOperations |
        Capabilities.MariaDbExtendedMetadata | Capabilities.MariaDbBulkUnitResults;

    public static byte[] Write(Action<PayloadWriter> write)
    {
        using var writer = new PayloadWriter();
        write(writer);
        return writer.WrittenSpan.ToArray();
    }

    public static HandshakePayload Greeting(Capabilities capabilities = Modern) => new()
    {
        ServerVersion = "5.5.5-10.11.19-MariaDB",
        ConnectionId = 123456,
        Nonce = AuthNonce.Create(),
        Capabilities = capabilities,
        Collation = 45,
        Status = ServerStatus.AutoCommit,
        AuthPlugin = AuthPlugins.NativePassword,
    };

    public static HandshakeResponsePayload Response(Capabilities capabilities = Modern) => new()
    {
        Capabilities = capabilities,
        MaxPacketSize = 1 << 24,
        Collation = 224,
        User = Encoding.UTF8.GetBytes("Jürgen"),
        AuthResponse = [.. Enumerable.Range(0, 20).Select(i => (byte)i)],
        Schema = Encoding.UTF8.GetBytes("shop"),
        AuthPlugin = AuthPlugins.NativePassword,
        Attributes = [new("_client_name", "libmariadb"), new("program_name", "tést")],
    };

    public static ChangeUserPayload ChangeUser() => new()
    {
        User = "app"u8.ToArray(),
        AuthResponse = new byte[20],
        Schema = "shop"u8.ToArray(),
        Collation = 255,
        AuthPlugin = AuthPlugins.CachingSha2Password,
        Attributes = [new("a", "b")],
    };

    public static byte[] Ok() => Write(writer => new OkPayload
    {
        AffectedRows = 70000,
        LastInsertId = ulong.MaxValue,
        Status = ServerStatus.AutoCommit,
        Warnings = 3,
        Info = "Rows matched: 1"u8,
        SessionState = [1, 5, 4, (byte)'s', (byte)'h', (byte)'o', (byte)'p', 99, 1, 0],
    }.Write(writer, Modern));

    public static byte[] Error() => Write(writer => new ErrorPayload { Code = 1062, SqlState = "23000"u8, Message = "Duplicate"u8 }.Write(writer, Modern));

    public static byte[] Column(Capabilities capabilities = Modern) => Write(writer => new ColumnDefinitionPayload
    {
        Schema = "shop"u8,
        Table = "o"u8,
        OriginalTable = "orders"u8,
        Name = "total"u8,
        OriginalName = "sum"u8,
        ExtendedMetadata = [0, 4, (byte)'j', (byte)'s', (byte)'o', (byte)'n'],
        Collation = 63,
        Length = 67,
        Type = ColumnType.NewDecimal,
        Flags = ColumnFlags.NotNull | ColumnFlags.Unsigned,
        Decimals = 30,
    }.Write(writer, capabilities));
}
