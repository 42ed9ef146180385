namespace Switchyard.Wire.Auth;

/// <summary>Names of the authentication plugins spoken here.</summary>
public static class AuthPlugins
{
    public const string NativePassword = "mysql_native_password";
    public const string CachingSha2Password = "caching_sha2_password";
    public const string Sha256Password = "sha256_password";

    public const string MariaDbEd25519 = "client_ed25519";
    public const string Parsec = "parsec";

    /// <summary>The client's half of any plugin that takes the password as it is.</summary>
    public const string ClearPassword = "mysql_clear_password";

    /// <summary>The scheme from before MySQL 4.1; always refused.</summary>
    public const string OldPassword = "mysql_old_password";
}
