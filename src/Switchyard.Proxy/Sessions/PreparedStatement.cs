using Switchyard.Proxy.Frontend;
using Switchyard.Sql;

namespace Switchyard.Proxy.Sessions;

/// <summary>A prepared statement as its client knows it; what each backend calls it is the legs' affair.</summary>
internal sealed class PreparedStatement(uint id, byte[] sql, StatementInfo info, string? schema)
{
    private HashSet<int>? _sentAhead;

    /// <summary>The client's id.</summary>
    public uint Id { get; } = id;

    public byte[] Sql { get; } = sql;

    public StatementInfo Info { get; } = info;

    /// <summary>The session's schema when it was prepared, in which its names are resolved for good.</summary>
    public string? Schema { get; } = schema;

    public ushort Parameters { get; set; }

    /// <summary>The parameters' types as last sent, two bytes each; null before the first execution. Sent again to a leg that has not had them.</summary>
    public byte[]? ParameterTypes { get; set; }

    /// <summary>Values have gone ahead of the next execution.</summary>
    public bool HasSentAhead => _sentAhead is { Count: > 0 };

    /// <summary>A parameter's value has gone ahead of the next execution, by COM_STMT_SEND_LONG_DATA.</summary>
    public bool IsSentAhead(int parameter) => _sentAhead?.Contains(parameter) == true;

    public void SentAhead(int parameter) => (_sentAhead ??= []).Add(parameter);

    /// <summary>Why part of a parameter's value did not go ahead; what executions are answered with until the statement is reset, as servers do.</summary>
    public ClientError? Refusal { get; private set; }

    /// <summary>Part of a parameter's value did not go ahead, and its client could not be told.</summary>
    public void PartRefused(ClientError error) => Refusal ??= error;

    public void NothingSentAhead() => _sentAhead?.Clear();

    /// <summary>The statement is as newly prepared.</summary>
    public void Reset()
    {
        NothingSentAhead();
        Refusal = null;
    }
}
