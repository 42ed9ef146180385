using System.Collections.Immutable;

namespace Switchyard.Topology;

/// <summary>A statement that applications run, without its literals.</summary>
/// <param name="Text">The statement with a question mark for each literal.</param>
/// <param name="Tables">The tables it names, each with its schema.</param>
/// <param name="AreTablesKnown">False when it may use tables that <paramref name="Tables"/> does not list.</param>
/// <param name="Schema">The schema of the sessions that ran it; null for none.</param>
/// <param name="Count">How often, nearly.</param>
/// <param name="LastSeen">UTC, to some seconds.</param>
public sealed record ObservedStatement(string Text, ImmutableArray<TableScope> Tables, bool AreTablesKnown, string? Schema, long Count, DateTimeOffset LastSeen);

/// <summary>Statements that ran together in transactions.</summary>
/// <param name="Statements">In the order the first of these transactions ran them, each once.</param>
/// <param name="Count">How many transactions.</param>
/// <param name="LastSeen">UTC.</param>
public sealed record ObservedTransaction(ImmutableArray<ObservedStatement> Statements, long Count, DateTimeOffset LastSeen);

/// <summary>What was seen up to now; bounded, so that rare statements may be missing.</summary>
public sealed record Observations(ImmutableArray<ObservedStatement> Statements, ImmutableArray<ObservedTransaction> Transactions)
{
    /// <summary>Nothing was seen.</summary>
    public static Observations None { get; } = new([], []);
}

/// <summary>Where the proxy of a process tells its migrations which statements applications run.</summary>
public sealed class ObservedStatements
{
    private volatile Func<Observations> _read = () => Observations.None;

    /// <summary>What the proxy has seen.</summary>
    public Observations Read() => _read();

    /// <summary>Names the proxy to ask; any thread may do so.</summary>
    public void ReadFrom(Func<Observations> proxy) => _read = proxy;
}
