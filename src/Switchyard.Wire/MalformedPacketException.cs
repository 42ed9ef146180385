namespace Switchyard.Wire;

/// <summary>A peer sent bytes that are not what the protocol says must be there. The connection cannot be used any further.</summary>
public class MalformedPacketException(string message) : Exception(message);
