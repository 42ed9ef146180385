namespace Switchyard.Lab;

/// <summary><c>lab/server</c> failed; the message is what it said.</summary>
public sealed class LabException(string message) : Exception(message);
