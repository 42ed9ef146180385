using System.Text;
using Switchyard.Proxy.Legs;
using Switchyard.Proxy.Relay;
using Switchyard.Wire;
using Switchyard.Wire.Payloads;

namespace Switchyard.Proxy.Sessions;

/// <summary>
/// What backends say of the session's state in their OK packets. It is heard on every leg that can say it, and goes on only to a client
/// that asked for it.
/// </summary>
internal sealed partial class ProxySession
{
    /// <summary>Looks at the packet the scanner has stopped at, and takes the report, if it has one, out of it for a client that would not know it.</summary>
    private void OnStatePacket(BackendLeg leg)
    {
        try
        {
            var packet = leg.Link.BufferedMemory.Span[..leg.Scanner.StatePacketLength];
            if (leg.Scanner.TracksState && (StatusFlags.Of(packet) & ServerStatus.SessionStateChanged) != 0)
            {
                OnStateReport(leg, packet);
            }
        }
        catch (MalformedPacketException exception)
        {
            throw Lost(leg, exception);
        }

        leg.Scanner.PassStatePacket();
    }

    private void OnStateReport(BackendLeg leg, Span<byte> packet)
    {
        if (leg == _current)
        {
            HearReport(leg, OkPayload.Parse(packet[PacketLimits.HeaderSize..], leg.Capabilities).SessionState);
        }

        if ((_capabilities & Capabilities.SessionTrack) == 0)
        {
            leg.Link.Consume(StateReport.TakeOut(packet));
        }
    }

    private void HearReport(BackendLeg leg, ReadOnlySpan<byte> report)
    {
        var changes = new SessionStateReader(report);
        while (changes.TryRead(out var type, out var data))
        {
            var reader = new PayloadReader(data);
            if (type == SessionStateType.Schema)
            {
                var name = Encoding.UTF8.GetString(reader.ReadLengthEncodedBytes());
                leg.Schema = name.Length > 0 ? name : null;
                if (leg.Schema != _state.Schema)
                {
                    SchemaChanged(leg.Schema);
                }
            }
            else if (type == SessionStateType.SystemVariables)
            {
                while (!reader.IsAtEnd)
                {
                    var name = Encoding.UTF8.GetString(reader.ReadLengthEncodedBytes());
                    reader.ReadLengthEncodedBytes();
                    if (!s_fixedVariables.Contains(name))
                    {
                        _state.VariableChanged(name);
                    }
                }
            }
        }
    }
}
