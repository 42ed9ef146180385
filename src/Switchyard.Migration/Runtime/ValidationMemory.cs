using Microsoft.Extensions.Logging;
using Switchyard.Topology;

namespace Switchyard.Migration;

/// <summary>What has been found of a migration's reads, as stored.</summary>
internal sealed record ValidationRecord(ReadFindings Findings)
{
    public static string Key(string migration) => $"validations/{Uri.EscapeDataString(migration)}";
}

/// <summary>
/// Keeps what validation has found beyond the process: a count that takes days must not begin anew, and a statement that the target refuses not be forgotten, because
/// of a restart. Written now and then, never on the way of a read; of a process that is killed, what it found since is lost.
/// </summary>
internal sealed partial class ValidationMemory(MigrationEnvironment environment, string migration)
{
    private const int MaxShapes = 50;
    private const int MaxShapeChars = 64 * 1024;
    private readonly SemaphoreSlim _gate = new(1, 1);
    private (RoutedReads, long, long, long)? _written;

    /// <summary>Recalls what an earlier process had found.</summary>
    public async Task LoadAsync(CancellationToken cancellationToken)
    {
        try
        {
            if (await environment.Topology.GetAsync<ValidationRecord>(ValidationRecord.Key(migration), cancellationToken) is { } stored)
            {
                environment.Validation.Recall(migration, stored.Value.Findings);
            }
        }
        catch (TopologyStoreException e)
        {
            // Figures that another version has written keep nothing from starting.
            LogNotKept(environment.Log, migration, e);
        }
    }

    /// <summary>Writes what is new, if anything is.</summary>
    public async Task SaveAsync(CancellationToken cancellationToken)
    {
        await _gate.WaitAsync(cancellationToken);
        try
        {
            if (environment.Validation.Of(migration) is not { } found || Sign(found) is var sign && sign == _written)
            {
                return;
            }

            await environment.Topology.Begin().PutValue(ValidationRecord.Key(migration), new ValidationRecord(Bounded(found))).CommitAsync(cancellationToken);
            _written = sign;
        }
        catch (TopologyStoreException e)
        {
            LogNotKept(environment.Log, migration, e);
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>A count begins anew, or the migration is forgotten.</summary>
    public async Task ForgetAsync(CancellationToken cancellationToken)
    {
        await _gate.WaitAsync(cancellationToken);
        try
        {
            environment.Validation.Begin(migration);
            await environment.Topology.Begin().Delete(ValidationRecord.Key(migration)).CommitAsync(cancellationToken);
            _written = null;
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Changes whenever something was counted.</summary>
    private static (RoutedReads Routed, long Compared, long NotComparable, long NotRun) Sign(ReadFindings found) =>
        (found.Routed with { Waiting = 0 }, found.Shadow.Compared, found.Shadow.NotComparable.Values.Sum(), found.Shadow.NotRun.Values.Sum());

    /// <summary>The figures, and of the shapes those that differ.</summary>
    private static ReadFindings Bounded(ReadFindings found)
    {
        var room = MaxShapeChars;
        return found with
        {
            Shadow = found.Shadow with { Shapes = [.. found.Shadow.Shapes.Where(shape => shape.Different > 0 && (room -= shape.Shape.Length) >= 0).Take(MaxShapes)] },
        };
    }

    [LoggerMessage(7202, LogLevel.Warning, "What validation of migration {Migration} has found could not be kept")]
    private static partial void LogNotKept(ILogger log, string migration, Exception error);
}
