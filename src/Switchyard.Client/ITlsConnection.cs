using System.Security.Cryptography.X509Certificates;

namespace Switchyard.Client;

/// <summary>A connection of a dialer's that may bring a TLS of its own.</summary>
public interface ITlsConnection
{
    /// <summary>Whether it has one; else the runtime's is put over it.</summary>
    bool HasTls { get; }

    /// <summary>
    /// Agrees on TLS as the client, and goes on over it. The caller judges the certificates before it reads or writes anything, and closes the connection
    /// if it does not trust them.
    /// </summary>
    /// <param name="host">The server's name or address.</param>
    /// <param name="certificate">With its key; for a server that asks for one.</param>
    /// <returns>What the server has shown, its own certificate first.</returns>
    /// <exception cref="IOException">No TLS could be agreed on; the sentence says why. The connection can only be closed.</exception>
    Task<X509Certificate2Collection> StartTlsAsync(string host, X509Certificate2? certificate, CancellationToken cancellationToken);
}
