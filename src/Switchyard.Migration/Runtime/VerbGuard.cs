namespace Switchyard.Migration;

/// <summary>Lets one verb at a time change a migration; the second is told at once which one runs.</summary>
internal sealed class VerbGuard
{
    private string? _running;

    /// <summary>The verb that runs; null when none does.</summary>
    public string? Running => Volatile.Read(ref _running);

    public IDisposable Enter(string migration, string verb)
    {
        if (Interlocked.CompareExchange(ref _running, verb, null) is { } running)
        {
            throw MigrationException.Refused(
                "busy", $"'{verb}' cannot begin while '{running}' of migration '{migration}' is under way.", "Wait until it has ended, or look at it with `switchyard migration diagnose`.");
        }

        return new Exit(this);
    }

    private sealed class Exit(VerbGuard guard) : IDisposable
    {
        public void Dispose() => Volatile.Write(ref guard._running, null);
    }
}
