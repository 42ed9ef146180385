namespace Switchyard.Client;

/// <summary>The disk for temporary files did not take more. Neither side's fault, and not passing by itself.</summary>
public sealed class SpillException(string message, Exception inner) : Exception(message, inner);
