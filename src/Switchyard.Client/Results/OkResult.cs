using System.Text;
using Switchyard.Wire;
using Switchyard.Wire.Payloads;

namespace Switchyard.Client;

/// <summary>What the server said at the end of a statement.</summary>
public sealed record OkResult(ulong AffectedRows, ulong LastInsertId, ushort Warnings, ServerStatus Status, string Info)
{
    /// <summary>Session state changes, to be walked with <see cref="SessionStateReader"/>; empty when there were none.</summary>
    public ReadOnlyMemory<byte> SessionState { get; init; }

    internal static OkResult From(in OkPayload ok) =>
        new(ok.AffectedRows, ok.LastInsertId, ok.Warnings, ok.Status, ok.Info.IsEmpty ? "" : Encoding.UTF8.GetString(ok.Info))
        {
            SessionState = ok.SessionState.IsEmpty ? default : ok.SessionState.ToArray(),
        };

    internal static OkResult From(in EofPayload eof) => new(0, 0, eof.Warnings, eof.Status, "");
}
