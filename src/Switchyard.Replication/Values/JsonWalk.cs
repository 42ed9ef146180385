using System.Globalization;
using System.Text;

namespace Switchyard.Replication.Values;

/// <summary>Goes from scalar to scalar through the text MySQL prints of a JSON value, which is well formed.</summary>
internal ref struct JsonWalk(ReadOnlySpan<byte> json)
{
    private const int StepBytes = 1024 * 1024;

    private readonly ReadOnlySpan<byte> _json = json;
    private readonly Stack<Step> _steps = new();
    private int _next;
    private int _passed;

    /// <summary>Where the scalar begins.</summary>
    public int Start { get; private set; }

    /// <summary>Its bytes, quotes included.</summary>
    public int Length { get; private set; }

    /// <summary>Whether it is a number.</summary>
    public readonly bool IsNumber => _json[Start] is (byte)'-' or (>= (byte)'0' and <= (byte)'9');

    /// <summary>Called at the beginning of each object (true) and array (false), with how many are around it.</summary>
    public Action<bool>? Opened { get; set; }

    /// <summary>Called at the end of each.</summary>
    public Action? Closed { get; set; }

    /// <summary>Called now and then with how far the text has been gone through: what lies before it is looked at once more only where a scalar or a key in it is.</summary>
    public Action<int>? Passed { get; set; }

    /// <summary>The next scalar, if there is one.</summary>
    public bool MoveToScalar()
    {
        while (_next < _json.Length)
        {
            var c = _json[_next];
            switch (c)
            {
                case (byte)'"':
                    var end = StringEnd(_next);
                    if (_steps.TryPeek(out var step) && step is { IsObject: true, ExpectsKey: true })
                    {
                        (step.KeyStart, step.KeyEnd, step.ExpectsKey) = (_next, end, false);
                        _next = end;
                        break;
                    }

                    return Take(end);
                case (byte)'{' or (byte)'[':
                    _steps.Push(new Step { IsObject = c == '{', ExpectsKey = c == '{' });
                    Opened?.Invoke(c == '{');
                    _next++;
                    break;
                case (byte)'}' or (byte)']':
                    _steps.Pop();
                    Closed?.Invoke();
                    _next++;
                    break;
                case (byte)',':
                    var inside = _steps.Peek();
                    inside.Index++;
                    inside.ExpectsKey = inside.IsObject;
                    _next++;
                    break;
                case (byte)' ' or (byte)':':
                    _next++;
                    break;
                default:
                    var length = _json[_next..].IndexOfAny(",]} "u8);
                    return Take(length < 0 ? _json.Length : _next + length);
            }
        }

        return false;
    }

    /// <summary>Where the scalar is, in the server's path language.</summary>
    public readonly byte[] Path()
    {
        var path = new List<byte> { (byte)'$' };
        foreach (var step in _steps.Reverse())
        {
            if (step.IsObject)
            {
                path.Add((byte)'.');
                path.AddRange(_json[step.KeyStart..step.KeyEnd]);
            }
            else
            {
                path.AddRange(Encoding.ASCII.GetBytes($"[{step.Index.ToString(CultureInfo.InvariantCulture)}]"));
            }
        }

        return [.. path];
    }

    private bool Take(int end)
    {
        (Start, Length, _next) = (_next, end - _next, end);
        Pass(end);
        return true;
    }

    private int StringEnd(int start)
    {
        for (var i = start + 1; i < _json.Length;)
        {
            var step = _json.Slice(i, Math.Min(StepBytes, _json.Length - i));
            var special = step.IndexOfAny((byte)'"', (byte)'\\');
            if (special >= 0 && step[special] == '"')
            {
                return i + special + 1;
            }

            i += special < 0 ? step.Length : special + 2;
            Pass(i);
        }

        return _json.Length;
    }

    private void Pass(int to)
    {
        if (to - _passed >= StepBytes)
        {
            _passed = to;
            Passed?.Invoke(Math.Min(to, _json.Length));
        }
    }

    private sealed class Step
    {
        public bool IsObject { get; init; }

        public bool ExpectsKey { get; set; }

        public int KeyStart { get; set; }

        public int KeyEnd { get; set; }

        public int Index { get; set; }
    }
}
