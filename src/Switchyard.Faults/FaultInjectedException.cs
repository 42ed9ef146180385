namespace Switchyard.Faults;

/// <summary>Thrown by a fault point that a test armed to fail.</summary>
public sealed class FaultInjectedException(string point) : Exception($"The fault point {point} is armed to fail.");
