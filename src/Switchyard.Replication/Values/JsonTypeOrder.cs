using System.Runtime.InteropServices;
using Switchyard.Binlog;

namespace Switchyard.Replication.Values;

/// <summary>Brings types from the order in which paths find them (<see cref="JsonTypes.AsExtracted"/>) into that of the text.</summary>
internal sealed class JsonTypeOrder
{
    // Of each object and of each array, in the order in which they begin: how many parts it holds, then where the next of them stands among the extracted ones.
    private readonly List<int> _objects = [];
    private readonly List<int> _arrays = [];
    private readonly Stack<(bool IsObject, int Number)> _open = [];
    private int _scalars;

    private JsonTypeOrder()
    {
    }

    /// <param name="json">The text.</param>
    /// <param name="extracted">A letter for each of its parts.</param>
    /// <param name="passed">As in <see cref="JsonWalk.Passed"/>.</param>
    /// <exception cref="ReplicationException">The text has more or fewer parts.</exception>
    public static byte[] InTextOrder(ReadOnlySpan<byte> json, ReadOnlySpan<byte> extracted, Action<int>? passed = null)
    {
        var order = new JsonTypeOrder();
        order.Count(json, passed);
        // The first stands for the whole document.
        var parts = 1;
        foreach (var containers in (List<int>[])[order._objects, order._arrays])
        {
            foreach (ref var container in CollectionsMarshal.AsSpan(containers))
            {
                (container, parts) = (parts, parts + container);
            }
        }

        return parts == extracted.Length
            ? order.Assign(json, extracted, passed)
            : throw new ReplicationException($"The server gave {extracted.Length} types for a JSON value of {parts} parts; it is not understood.");
    }

    private void Count(ReadOnlySpan<byte> json, Action<int>? passed)
    {
        var walk = new JsonWalk(json)
        {
            Opened = isObject =>
            {
                Step();
                var containers = isObject ? _objects : _arrays;
                _open.Push((isObject, containers.Count));
                containers.Add(0);
            },
            Closed = () => _open.Pop(),
            Passed = passed,
        };
        while (walk.MoveToScalar())
        {
            Step();
            _scalars++;
        }
    }

    private byte[] Assign(ReadOnlySpan<byte> json, ReadOnlySpan<byte> extracted, Action<int>? passed)
    {
        var types = new byte[_scalars];
        var (objects, arrays) = (0, 0);
        var walk = new JsonWalk(json)
        {
            Opened = isObject =>
            {
                Step();
                _open.Push((isObject, isObject ? objects++ : arrays++));
            },
            Closed = () => _open.Pop(),
            Passed = passed,
        };
        for (var scalar = 0; walk.MoveToScalar(); scalar++)
        {
            types[scalar] = extracted[Step()];
        }

        return types;
    }

    /// <summary>To the next part of the innermost container.</summary>
    /// <returns>What its number was; the document's is 0.</returns>
    private int Step() =>
        _open.TryPeek(out var container) ? CollectionsMarshal.AsSpan(container.IsObject ? _objects : _arrays)[container.Number]++ : 0;
}
