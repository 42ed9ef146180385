namespace Switchyard.Configuration;

/// <summary>The configuration cannot be used; the message says where and what to write instead.</summary>
internal sealed class ConfigurationException(string message) : Exception(message);
