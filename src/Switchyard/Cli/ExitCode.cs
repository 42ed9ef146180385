namespace Switchyard.Cli;

/// <summary>What the process ends with. Part of the contract with scripts.</summary>
internal static class ExitCode
{
    public const int Done = 0;
    public const int Failed = 1;
    public const int Usage = 2;

    /// <summary>Refused by a check; nothing changed.</summary>
    public const int Refused = 3;

    public const int NotFound = 4;

    /// <summary>Not switched; rolled back, nothing lost.</summary>
    public const int RolledBack = 5;
}
