using Switchyard.Binlog;

namespace Switchyard.Replication.Values;

/// <summary>Brings types from the order in which paths find them (<see cref="JsonTypes.AsExtracted"/>) into that of the text.</summary>
internal sealed class JsonTypeOrder
{
    private const int NoScalar = -1;

    // Of each object and of each array, in the order in which they begin, what they hold: which scalar of the text, or another container.
    private readonly List<List<int>> _objects = [];
    private readonly List<List<int>> _arrays = [];
    private readonly int _scalars;

    public JsonTypeOrder(ReadOnlySpan<byte> json)
    {
        var open = new Stack<List<int>>();
        var walk = new JsonWalk(json)
        {
            Opened = isObject =>
            {
                Hold(open, NoScalar);
                var members = new List<int>();
                (isObject ? _objects : _arrays).Add(members);
                open.Push(members);
            },
            Closed = () => open.Pop(),
        };
        while (walk.MoveToScalar())
        {
            Hold(open, _scalars++);
        }
    }

    public byte[] InTextOrder(ReadOnlySpan<byte> extracted)
    {
        int[] parts = [_objects.Count + _arrays.Count == 0 ? 0 : NoScalar, .. _objects.Concat(_arrays).SelectMany(c => c)];
        if (parts.Length != extracted.Length)
        {
            throw new ReplicationException($"The server gave {extracted.Length} types for a JSON value of {parts.Length} parts; it is not understood.");
        }

        var types = new byte[_scalars];
        for (var i = 0; i < parts.Length; i++)
        {
            if (parts[i] != NoScalar)
            {
                types[parts[i]] = extracted[i];
            }
        }

        return types;
    }

    private static void Hold(Stack<List<int>> open, int scalar)
    {
        if (open.TryPeek(out var container))
        {
            container.Add(scalar);
        }
    }
}
