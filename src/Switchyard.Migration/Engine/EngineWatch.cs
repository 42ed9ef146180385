using Switchyard.Binlog;
using Switchyard.Replication.Watch;
using Switchyard.Topology;

namespace Switchyard.Migration;

/// <summary>A watch of the engine, in this library's words.</summary>
internal sealed class EngineWatch : IForeignWatch
{
    private readonly ForeignWriteWatch _inner;

    public EngineWatch(ForeignWriteWatch inner, IReadOnlyList<MigratedSchema> schemas, Action<ForeignWriteStatus> found)
    {
        _inner = inner;
        inner.Found += write => found(new ForeignWriteStatus(
            $"{write.Position.File}:{write.Position.Offset}", schemas.NameOf(write.Table), write.Kind == ForeignWriteKind.Rows ? "rows" : "statement", write.At, write.Account));
        inner.Start();
    }

    public StreamPosition Examined => new(_inner.Progress.Examined.File, _inner.Progress.Examined.Offset);

    public string? Error => _inner.Progress.Error;

    public Task WaitForExaminedAsync(StreamPosition position, CancellationToken cancellationToken) =>
        _inner.WaitForExaminedAsync(new BinlogPosition(position.File, position.Offset), cancellationToken);

    public ValueTask DisposeAsync() => _inner.DisposeAsync();
}
