using Switchyard.Wire;

namespace Switchyard.Client;

/// <summary>How to reach a server and who to be there. Immutable; changed through <c>with</c>.</summary>
public sealed record ConnectionOptions
{
    /// <summary>utf8mb4_general_ci: the one utf8mb4 collation every supported server knows.</summary>
    public const byte Utf8Mb4Collation = 45;

    public string Host { get; init; } = "127.0.0.1";

    public int Port { get; init; } = 3306;

    public string User { get; init; } = "root";

    /// <summary>Null is no password.</summary>
    public string? Password { get; init; }

    /// <summary>SHA1(password), which opens <c>mysql_native_password</c> accounts without the password.</summary>
    public byte[]? PasswordSha1 { get; init; }

    /// <summary>The schema to begin in.</summary>
    public string? Schema { get; init; }

    public SslMode SslMode { get; init; } = SslMode.Preferred;

    /// <summary>PEM file with the authorities to trust; the system's when null.</summary>
    public string? SslCa { get; init; }

    /// <summary>PEM file with the client's certificate.</summary>
    public string? SslCert { get; init; }

    /// <summary>PEM file with the client certificate's key.</summary>
    public string? SslKey { get; init; }

    /// <summary>Time for connecting and logging in together.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Time the server may stay silent during a command; null is no limit.</summary>
    public TimeSpan? CommandTimeout { get; init; }

    /// <summary>Asked for beside the usual ones, as far as the server offers them.</summary>
    public Capabilities ExtraCapabilities { get; init; }

    /// <summary>Not asked for, even if usual.</summary>
    public Capabilities ExcludedCapabilities { get; init; }

    /// <summary>
    /// When set, exactly these are asked for, as far as the server offers them, beside what the login itself needs; the other two sets
    /// are then ignored.
    /// </summary>
    public Capabilities? ExactCapabilities { get; init; }

    /// <summary>The collation id of the session. A login has room for one byte of it: for higher ones the user is changed, to the same, behind it.</summary>
    public ushort Collation { get; init; } = Utf8Mb4Collation;

    /// <summary>What a login can say of <see cref="Collation"/>.</summary>
    internal byte LoginCollation => Collation <= byte.MaxValue ? (byte)Collation : Utf8Mb4Collation;

    /// <summary>Connection attributes, seen by the server's administrators.</summary>
    public IReadOnlyDictionary<string, string> Attributes { get; init; } = new Dictionary<string, string> { ["program_name"] = "switchyard" };

    /// <summary>May the server's RSA key be asked for when a password must travel without TLS. Without it such logins are refused.</summary>
    public bool AllowPublicKeyRetrieval { get; init; } = true;

    /// <summary>
    /// The login is there to be refused, so that the server takes note of it. The password is then made up and no secret: it is sent under whatever plugin, in
    /// clear too, and plugins not known here get an empty answer. So it is always the server that ends the login: connections that are dropped within one
    /// are counted against their host (<c>max_connect_errors</c>).
    /// </summary>
    public bool IsMeantToFail { get; init; }

    /// <summary>Makes the connection; null is the runtime's sockets.</summary>
    public IDialer? Dialer { get; init; }

    /// <summary>The connection string without its password, for people.</summary>
    public string Redacted => Dsn.Format(this, redact: true);

    /// <summary>Reads <c>mysql://user:password@host:port/schema?ssl-mode=…</c>; parts may be percent-encoded.</summary>
    /// <exception cref="FormatException">A sentence saying what is wrong and what would be right; never shows the password.</exception>
    public static ConnectionOptions Parse(string dsn) => Dsn.Parse(dsn);

    /// <summary>The connection string with the password: a secret.</summary>
    public string ToDsn() => Dsn.Format(this, redact: false);

    /// <summary>The same as <see cref="Redacted"/>: options never print a secret.</summary>
    public override string ToString() => Redacted;
}
