using System.Collections.Immutable;
using Switchyard.Proxy.Login;
using Switchyard.Sql;

namespace Switchyard.Proxy.Shadow;

/// <summary>A client's read as it is run again: where, as whom, and what. Immutable; owns its bytes.</summary>
internal sealed record ShadowRead(string Migration, string Source, string Target, ShadowIdentity Identity, string? Schema, ReadOnlyMemory<byte> Sql, StatementInfo Info)
{
    /// <summary>Of a prepared statement: NULL bitmap, types and values as in its execution; null for a statement sent as text.</summary>
    public ReadOnlyMemory<byte>? Parameters { get; init; }

    /// <summary>How its text is to be read.</summary>
    public ScanOptions Options { get; init; }

    /// <summary>When the client sent it, seconds since 1970: what the time of the statement is on both sides.</summary>
    public decimal At { get; init; }
}

/// <summary>As whom a read is run: account, character set of the login, and the settings made since.</summary>
internal sealed record ShadowIdentity(ClientProof Proof, string AccountsOf, ushort Collation, bool IgnoresSpace, ImmutableArray<Setting> Settings, long SessionId)
{
    /// <summary>Reads with equal keys may share a connection. Has no secret in it.</summary>
    public string Key { get; } = string.Join(
        '\n', [Proof.User, Proof.Account.CurrentUser, AccountsOf, $"{Collation}", $"{IgnoresSpace}", .. Settings.Select(setting => setting.Text)]);
}
