using System.Globalization;
using System.Text;

namespace Switchyard.Proxy.Sessions;

/// <summary>A client's order to kill a connection, or its statement.</summary>
/// <param name="Id">As the client wrote it.</param>
/// <param name="QueryOnly">The connection lives on.</param>
/// <param name="Text">The statement.</param>
/// <param name="Start">Where in it the number is.</param>
/// <param name="Length">Bytes of the number.</param>
internal readonly record struct KillOrder(ulong Id, bool QueryOnly, ReadOnlyMemory<byte> Text, int Start, int Length)
{
    private const string ConnectionText = "KILL CONNECTION ";

    /// <summary>COM_PROCESS_KILL as a statement.</summary>
    public static KillOrder Connection(uint id)
    {
        var text = Encoding.ASCII.GetBytes(ConnectionText + id.ToString(CultureInfo.InvariantCulture));
        return new KillOrder(id, false, text, ConnectionText.Length, text.Length - ConnectionText.Length);
    }

    /// <summary>The same order about another connection, in the client's own words otherwise (HARD, SOFT).</summary>
    public byte[] TextFor(uint id) =>
        [.. Text.Span[..Start], .. Encoding.ASCII.GetBytes(id.ToString(CultureInfo.InvariantCulture)), .. Text.Span[(Start + Length)..]];
}
