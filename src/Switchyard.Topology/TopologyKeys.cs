namespace Switchyard.Topology;

/// <summary>
/// The names of all keys. Parts given by people are percent-encoded, so that a slash in a name cannot reach into another record.
/// </summary>
public static class TopologyKeys
{
    public const string Routing = "routing";
    public const string Backends = "backends/";
    public const string Gates = "gates/";
    public const string GateAcks = "acks/";
    public const string WarmRequests = "warm/";
    public const string WarmAcks = "warm-acks/";
    public const string Proxies = "proxies/";
    public const string ProxyTraces = "proxy-traces/";
    public const string Migrations = "migrations/";
    public const string Copied = "copied/";
    public const string Locks = "locks/";
    public const string Journal = "journal/";
    public const string Accounts = "accounts/";
    public const string Identity = "meta/identity";
    public const string KeyCheck = "meta/key-check";

    public static string Backend(string name) => Backends + Part(name);

    public static string Gate(string id) => Gates + Part(id);

    public static string GateAck(string gateId, string proxyId) => $"{GateAcks}{Part(gateId)}/{Part(proxyId)}";

    public static string GateAcksOf(string gateId) => $"{GateAcks}{Part(gateId)}/";

    public static string WarmRequest(string id) => WarmRequests + Part(id);

    public static string WarmAck(string requestId, string proxyId) => $"{WarmAcks}{Part(requestId)}/{Part(proxyId)}";

    public static string WarmAcksOf(string requestId) => $"{WarmAcks}{Part(requestId)}/";

    public static string Proxy(string id) => Proxies + Part(id);

    public static string ProxyTrace(string id) => ProxyTraces + Part(id);

    public static string Migration(string name) => Migrations + Part(name);

    /// <summary>What the copy of a migration has done, by table.</summary>
    public static string CopiedOf(string migration) => Copied + Part(migration);

    public static string Lock(string migration) => Locks + Part(migration);

    public static string JournalOf(string migration) => $"{Journal}{Part(migration)}/";

    public static string JournalOf(string migration, string operation) => $"{Journal}{Part(migration)}/{Part(operation)}/";

    /// <summary>The sequence has leading zeros, so that key order is journal order.</summary>
    public static string JournalEntry(string migration, string operation, int sequence) => $"{JournalOf(migration, operation)}{sequence:D8}";

    public static string AccountsOf(string backend) => $"{Accounts}{Part(backend)}/";

    public static string Account(string backend, string user, string host) => $"{Accounts}{Part(backend)}/{Part(user)}@{Part(host)}";

    private static string Part(string text) => Uri.EscapeDataString(text);
}
