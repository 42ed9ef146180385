using Switchyard.Wire;
using Switchyard.Wire.Payloads;

namespace Switchyard.Proxy.Login;

/// <summary>The report on a session's state in the OK of a login.</summary>
internal static class LoginState
{
    /// <summary>Where MariaDB tells its clients to connect instead.</summary>
    private static ReadOnlySpan<byte> Redirection => "redirect_url"u8;

    /// <summary>The variable with an empty value, as it is without one.</summary>
    private static ReadOnlySpan<byte> NoRedirection => "\u000credirect_url\0"u8;

    /// <summary>The backend's report as the client gets it: without a redirection, which would lead it past the proxy.</summary>
    /// <exception cref="MalformedPacketException">It is no report.</exception>
    public static ReadOnlySpan<byte> ForClient(ReadOnlySpan<byte> report)
    {
        if (report.IndexOf(Redirection) < 0)
        {
            return report;
        }

        using var kept = new PayloadWriter(report.Length);
        var changes = new SessionStateReader(report);
        while (changes.TryRead(out var type, out var data))
        {
            kept.WriteByte((byte)type);
            kept.WriteLengthEncodedBytes(type == SessionStateType.SystemVariables && IsRedirection(data) ? NoRedirection : data);
        }

        return kept.WrittenSpan.ToArray();
    }

    private static bool IsRedirection(ReadOnlySpan<byte> variable) => new PayloadReader(variable).ReadLengthEncodedBytes().SequenceEqual(Redirection);
}
