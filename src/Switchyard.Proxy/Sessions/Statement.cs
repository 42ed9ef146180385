using Switchyard.Proxy.Relay;
using Switchyard.Sql;

namespace Switchyard.Proxy.Sessions;

/// <summary>A command on its way: what it is, and where it lies in the client's buffer.</summary>
internal readonly record struct Statement(StatementInfo Info, PacketFrame Frame, ResponseShape Shape)
{
    /// <summary>The prepared statement the command is about; null for text.</summary>
    public PreparedStatement? Prepared { get; init; }

    /// <summary>Asks for definitions only: no row is read or written, so that no gate has to hold it.</summary>
    public bool IsAboutDefinitions { get; init; }

    /// <summary>The schema to change to, for COM_INIT_DB.</summary>
    public string? NewSchema { get; init; }
}
