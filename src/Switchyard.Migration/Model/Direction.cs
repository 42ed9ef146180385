namespace Switchyard.Migration;

/// <summary>One of the two backends of a migration.</summary>
internal enum Side
{
    Source,
    Target,
}

/// <summary>Which side is followed by which. Forward and reverse run the same code with another value of this.</summary>
internal readonly record struct Direction(Side From, Side To)
{
    public static Direction Forward => new(Side.Source, Side.Target);

    public static Direction Reverse => new(Side.Target, Side.Source);

    /// <summary>The direction of replication away from the authoritative side.</summary>
    public static Direction AwayFrom(Side authoritative) => authoritative == Side.Source ? Forward : Reverse;

    public Direction Exchanged => new(To, From);

    /// <summary>The generated one would print <see cref="Exchanged"/>, and that its own, without end.</summary>
    public override string ToString() => Name;

    public string Name => From == Side.Source ? "forward" : "reverse";
}
