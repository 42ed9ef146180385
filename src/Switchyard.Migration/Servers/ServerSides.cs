using Switchyard.Client;

namespace Switchyard.Migration;

/// <summary>Real servers.</summary>
internal sealed class ServerSides : IServerSides
{
    public IServerSide Create(ConnectionOptions backend, string schema) => new ServerSide(backend, schema);
}
