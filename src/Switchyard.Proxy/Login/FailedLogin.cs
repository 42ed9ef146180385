namespace Switchyard.Proxy.Login;

/// <summary>A login that the proxy has found wrong by itself, and that the backend has not seen yet: it is the backend's to count.</summary>
/// <param name="User">As the client gave it.</param>
/// <param name="Client">The client as the server would see it.</param>
/// <param name="WithPassword">The client gave a password.</param>
public sealed record FailedLogin(string User, ClientHost Client, bool WithPassword);
