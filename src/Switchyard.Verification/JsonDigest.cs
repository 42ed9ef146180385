using System.Buffers;
using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Switchyard.Client;

namespace Switchyard.Verification;

/// <summary>
/// A SHA-256 of what a JSON text means, for texts too long to hold: equal where <see cref="JsonEquality"/> calls them equal. (One thing is told apart here that is not there: an integer that no
/// double is from the double nearest to it.) The text is gone through once, in steps, and let go behind them; types of scalars that stand behind it count byte by byte.
/// </summary>
internal sealed class JsonDigest : IDisposable
{
    private const int MaxDepth = 256;
    private const int StepBytes = 1024 * 1024;

    private static readonly SearchValues<byte> s_special = SearchValues.Create([.. Enumerable.Range(0, 0x20).Select(i => (byte)i), (byte)'"', (byte)'\\']);

    private readonly ReadOnlyMemory<byte> _cell;
    private readonly bool _mayRepeat;
    private readonly IncrementalHash _root = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly IncrementalHash _name = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly List<IncrementalHash> _members = [];
    private int _at;
    private int _released;

    private JsonDigest(ReadOnlyMemory<byte> cell, bool mayRepeat)
    {
        _cell = cell;
        _mayRepeat = mayRepeat;
    }

    /// <summary>Computes it.</summary>
    /// <param name="cell">The text, and the types of its scalars if it has them. What is no JSON is the same as the same bytes only.</param>
    /// <param name="mayRepeat">Members of an object may have the same name, of which the last counts: text as MariaDB keeps it. Their names are then held, a few bytes each.</param>
    public static byte[] Compute(ReadOnlyMemory<byte> cell, bool mayRepeat)
    {
        using var digest = new JsonDigest(cell, mayRepeat);
        return digest.TryText(cell.Span) ? digest.WithRest() : OfBytes(cell);
    }

    public void Dispose()
    {
        _root.Dispose();
        _name.Dispose();
        _members.ForEach(member => member.Dispose());
    }

    private static byte[] OfBytes(ReadOnlyMemory<byte> cell)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData("b"u8);
        Append(hash, cell);
        return hash.GetHashAndReset();
    }

    private static void Append(IncrementalHash hash, ReadOnlyMemory<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            var step = SpilledBytes.TakeStep(ref bytes);
            hash.AppendData(step.Span);
            SpilledBytes.Release(step);
        }
    }

    private bool TryText(ReadOnlySpan<byte> json)
    {
        if (!TryValue(json, _root, 0))
        {
            return false;
        }

        SkipSpace(json);
        SpilledBytes.Release(_cell[.._at]);
        return _at == json.Length || json[_at] < 0x20;
    }

    private byte[] WithRest()
    {
        Append(_root, _cell[_at..]);
        return _root.GetHashAndReset();
    }

    private bool TryValue(ReadOnlySpan<byte> json, IncrementalHash into, int depth)
    {
        SkipSpace(json);
        if (_at == json.Length || depth > MaxDepth)
        {
            return false;
        }

        switch (json[_at])
        {
            case (byte)'{':
                return TryObject(json, into, depth);
            case (byte)'[':
                return TryArray(json, into, depth);
            case (byte)'"':
                return TryString(json, into);
            case (byte)'t':
                return TryWord(json, "true"u8, into);
            case (byte)'f':
                return TryWord(json, "false"u8, into);
            case (byte)'n':
                return TryWord(json, "null"u8, into);
            default:
                return TryNumber(json, into);
        }
    }

    // The sum of its members' hashes does not depend on their order.
    private bool TryObject(ReadOnlySpan<byte> json, IncrementalHash into, int depth)
    {
        var last = _mayRepeat ? new Dictionary<Hash, Hash>() : null;
        var sum = default(Hash);
        var count = 0;
        Span<byte> bytes = stackalloc byte[Hash.Size];
        while (_members.Count <= depth)
        {
            _members.Add(IncrementalHash.CreateHash(HashAlgorithmName.SHA256));
        }

        var member = _members[depth];
        for (var isFirst = true; !TryEnd(json, (byte)'}', ref isFirst, out var fails); count++)
        {
            if (fails || _at == json.Length || json[_at] != '"' || !TryString(json, _name))
            {
                return false;
            }

            _name.GetHashAndReset(bytes);
            var name = Hash.Read(bytes);
            member.AppendData(bytes);
            SkipSpace(json);
            if (_at == json.Length || json[_at++] != ':' || !TryValue(json, member, depth + 1))
            {
                return false;
            }

            member.GetHashAndReset(bytes);
            if (last is null)
            {
                sum.Add(Hash.Read(bytes));
            }
            else
            {
                last[name] = Hash.Read(bytes);
            }
        }

        foreach (var one in last?.Values ?? Enumerable.Empty<Hash>())
        {
            sum.Add(one);
        }

        into.AppendData("{"u8);
        sum.Write(bytes);
        into.AppendData(bytes);
        Append(into, last?.Count ?? count);
        return true;
    }

    private bool TryArray(ReadOnlySpan<byte> json, IncrementalHash into, int depth)
    {
        into.AppendData("["u8);
        for (var isFirst = true; !TryEnd(json, (byte)']', ref isFirst, out var fails);)
        {
            if (fails || !TryValue(json, into, depth + 1))
            {
                return false;
            }
        }

        into.AppendData("]"u8);
        return true;
    }

    /// <summary>Takes a container's beginning, the comma between two of its parts, or its end.</summary>
    private bool TryEnd(ReadOnlySpan<byte> json, byte end, ref bool isFirst, out bool fails)
    {
        fails = false;
        _at += isFirst ? 1 : 0;
        SkipSpace(json);
        Pass();
        if (_at < json.Length && json[_at] == end)
        {
            _at++;
            return true;
        }

        if (!isFirst)
        {
            fails = _at == json.Length || json[_at++] != ',';
            SkipSpace(json);
        }

        isFirst = false;
        return false;
    }

    private bool TryString(ReadOnlySpan<byte> json, IncrementalHash into)
    {
        into.AppendData("\""u8);
        var length = 0L;
        Span<byte> utf8 = stackalloc byte[4];
        _at++;
        while (_at < json.Length)
        {
            var step = json.Slice(_at, Math.Min(StepBytes, json.Length - _at));
            var special = step.IndexOfAny(s_special);
            var plain = special < 0 ? step : step[..special];
            into.AppendData(plain);
            length += plain.Length;
            _at += plain.Length;
            Pass();
            if (special < 0)
            {
                continue;
            }

            switch (json[_at++])
            {
                case (byte)'"':
                    Append(into, length);
                    return true;
                case (byte)'\\' when TryEscape(json, out var rune):
                    var bytes = rune.EncodeToUtf8(utf8);
                    into.AppendData(utf8[..bytes]);
                    length += bytes;
                    break;
                default:
                    return false;
            }
        }

        return false;
    }

    private bool TryEscape(ReadOnlySpan<byte> json, out Rune rune)
    {
        rune = default;
        if (_at == json.Length)
        {
            return false;
        }

        var c = json[_at++];
        if (c == 'u')
        {
            return TryHex(json, out var first)
                && (Rune.TryCreate((char)first, out rune)
                    || (json[_at..].StartsWith("\\u"u8) && Forward(2) && TryHex(json, out var second) && Rune.TryCreate((char)first, (char)second, out rune)));
        }

        var plain = c switch
        {
            (byte)'"' or (byte)'\\' or (byte)'/' => (char)c,
            (byte)'b' => '\b',
            (byte)'f' => '\f',
            (byte)'n' => '\n',
            (byte)'r' => '\r',
            (byte)'t' => '\t',
            _ => '\0',
        };
        return plain != '\0' && Rune.TryCreate(plain, out rune);
    }

    private bool Forward(int bytes)
    {
        _at += bytes;
        return true;
    }

    private bool TryHex(ReadOnlySpan<byte> json, out ushort value)
    {
        value = 0;
        return json.Length - _at >= 4 && ushort.TryParse(json.Slice(_at, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out value) && Forward(4);
    }

    private bool TryWord(ReadOnlySpan<byte> json, ReadOnlySpan<byte> word, IncrementalHash into)
    {
        if (!json[_at..].StartsWith(word))
        {
            return false;
        }

        _at += word.Length;
        into.AppendData(word[..1]);
        return true;
    }

    // A number is its value: an integer of 64 bits, or a double.
    private bool TryNumber(ReadOnlySpan<byte> json, IncrementalHash into)
    {
        var rest = json[_at..];
        var length = rest.IndexOfAnyExcept("+-.0123456789Ee"u8);
        var text = length < 0 ? rest : rest[..length];
        if (!IsNumber(text))
        {
            return false;
        }

        _at += text.Length;
        if (Int128.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var whole) && whole >= long.MinValue && whole <= ulong.MaxValue && (Int128)(double)whole != whole)
        {
            into.AppendData("i"u8);
            Append(into, (long)(whole >> 64));
            Append(into, (long)(ulong)(whole & ulong.MaxValue));
            return true;
        }

        var value = double.Parse(text, CultureInfo.InvariantCulture);
        into.AppendData("d"u8);
        Append(into, value == 0 ? 0 : BitConverter.DoubleToInt64Bits(value));
        return true;
    }

    private static bool IsNumber(ReadOnlySpan<byte> text)
    {
        try
        {
            var reader = new Utf8JsonReader(text);
            return reader.Read() && reader.TokenType == JsonTokenType.Number && reader.BytesConsumed == text.Length;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private static void Append(IncrementalHash hash, long number)
    {
        Span<byte> bytes = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, number);
        hash.AppendData(bytes);
    }

    private void SkipSpace(ReadOnlySpan<byte> json)
    {
        while (_at < json.Length && json[_at] is (byte)' ' or (byte)'\t' or (byte)'\n' or (byte)'\r')
        {
            _at++;
        }
    }

    private void Pass()
    {
        if (_at - _released >= StepBytes)
        {
            _released = _at;
            SpilledBytes.Release(_cell[.._at]);
        }
    }

    /// <summary>A number of 256 bits.</summary>
    private record struct Hash(ulong A, ulong B, ulong C, ulong D)
    {
        public const int Size = 32;

        public static Hash Read(ReadOnlySpan<byte> bytes) => new(
            BinaryPrimitives.ReadUInt64LittleEndian(bytes), BinaryPrimitives.ReadUInt64LittleEndian(bytes[8..]),
            BinaryPrimitives.ReadUInt64LittleEndian(bytes[16..]), BinaryPrimitives.ReadUInt64LittleEndian(bytes[24..]));

        public readonly void Write(Span<byte> bytes)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(bytes, A);
            BinaryPrimitives.WriteUInt64LittleEndian(bytes[8..], B);
            BinaryPrimitives.WriteUInt64LittleEndian(bytes[16..], C);
            BinaryPrimitives.WriteUInt64LittleEndian(bytes[24..], D);
        }

        /// <summary>Adds each quarter by itself.</summary>
        public void Add(Hash other) => (A, B, C, D) = (unchecked(A + other.A), unchecked(B + other.B), unchecked(C + other.C), unchecked(D + other.D));
    }
}
