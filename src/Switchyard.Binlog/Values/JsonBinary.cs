using System.Buffers;
using System.Buffers.Binary;
using Switchyard.Binlog.Decoding;
using Switchyard.Client;

namespace Switchyard.Binlog.Values;

/// <summary>
/// MySQL's binary JSON into exactly the text MySQL prints. Sources: the format description in sql-common/json_binary.h and wrapper_to_string
/// and double_quote in sql-common/json_dom.cc.
/// </summary>
internal static class JsonBinary
{
    /// <summary>The server's own limit of nesting (JSON_DOCUMENT_MAX_DEPTH).</summary>
    private const int MaxDepth = 100;

    private const byte SmallObject = 0, LargeObject = 1, SmallArray = 2, LargeArray = 3, Literal = 4;
    private const byte Int16 = 5, UInt16 = 6, Int32 = 7, UInt32 = 8, Int64 = 9, UInt64 = 10, Double = 11, Text = 12, Opaque = 15;

    // The text of a document of this size is written into a file; the server's own text of 1 GB is more than it sends.
    private const int SpilledBytesFrom = 4 * 1024 * 1024;

    internal static ReadOnlyMemory<byte> ToText(ReadOnlyMemory<byte> document, bool doublesKeepPoint, bool keepsTypes = false)
    {
        if (document.IsEmpty)
        {
            // What INSERT IGNORE leaves in a NOT NULL column; the server reads it as null.
            return "null"u8.ToArray();
        }

        return document.Length < SpilledBytesFrom ? ToHeldText(document, doublesKeepPoint, keepsTypes) : ToSpilledText(document, doublesKeepPoint, keepsTypes);
    }

    private static ReadOnlyMemory<byte> ToHeldText(ReadOnlyMemory<byte> document, bool doublesKeepPoint, bool keepsTypes)
    {
        var writer = new ArrayBufferWriter<byte>(document.Length * 2);
        var letters = keepsTypes ? new JsonTypeLetters(static () => new ArrayBufferWriter<byte>()) : null;
        WriteValue(document.Span[0], document.Span[1..], new JsonTextWriter(writer, letters, doublesKeepPoint), 0);
        if (letters is not null)
        {
            writer.Write([JsonTypes.InTextOrder]);
            if (letters.Written is ArrayBufferWriter<byte> written)
            {
                writer.Write(written.WrittenSpan);
            }
        }

        return writer.WrittenMemory;
    }

    // The document lies in a file, too, and what has been gone through of it need not be resident.
    private static ReadOnlyMemory<byte> ToSpilledText(ReadOnlyMemory<byte> document, bool doublesKeepPoint, bool keepsTypes)
    {
        using var writer = new SpillWriter(() => SpilledBytes.Release(document));
        SpillWriter? spilledLetters = null;
        var letters = keepsTypes ? new JsonTypeLetters(() => spilledLetters = new SpillWriter()) : null;
        try
        {
            WriteValue(document.Span[0], document.Span[1..], new JsonTextWriter(writer, letters, doublesKeepPoint), 0);
            SpilledBytes.Release(document);
            if (letters is not null)
            {
                writer.Write([JsonTypes.InTextOrder]);
                CopyLetters(spilledLetters, writer);
            }
        }
        finally
        {
            spilledLetters?.Dispose();
        }

        return writer.Length <= int.MaxValue
            ? writer.Complete().Memory
            : throw new BinlogFormatException("A JSON document is printed in more than 2 GB, which no statement can carry.");
    }

    private static void CopyLetters(SpillWriter? letters, SpillWriter writer)
    {
        if (letters?.Complete() is { } spilled)
        {
            for (ReadOnlyMemory<byte> rest = spilled.Memory; !rest.IsEmpty;)
            {
                var step = SpilledBytes.TakeStep(ref rest);
                writer.Write(step.Span);
                SpilledBytes.Release(step);
            }

            spilled.Free();
        }
    }

    private static void WriteValue(byte type, ReadOnlySpan<byte> data, in JsonTextWriter text, int depth)
    {
        switch (type)
        {
            case SmallObject or LargeObject or SmallArray or LargeArray:
                WriteContainer(type, data, text, depth + 1);
                break;
            case Literal:
                WriteLiteral(Slice(data, 0, 1)[0], text);
                break;
            case Int16:
                text.Integer(BinaryPrimitives.ReadInt16LittleEndian(Slice(data, 0, 2)));
                break;
            case UInt16:
                text.Unsigned(BinaryPrimitives.ReadUInt16LittleEndian(Slice(data, 0, 2)));
                break;
            case Int32:
                text.Integer(BinaryPrimitives.ReadInt32LittleEndian(Slice(data, 0, 4)));
                break;
            case UInt32:
                text.Unsigned(BinaryPrimitives.ReadUInt32LittleEndian(Slice(data, 0, 4)));
                break;
            case Int64:
                text.Integer(BinaryPrimitives.ReadInt64LittleEndian(Slice(data, 0, 8)));
                break;
            case UInt64:
                text.Unsigned(BinaryPrimitives.ReadUInt64LittleEndian(Slice(data, 0, 8)));
                break;
            case Double:
                text.Double(BinaryPrimitives.ReadDoubleLittleEndian(Slice(data, 0, 8)));
                break;
            case Text:
                var length = ReadVariableLength(data, out var lengthSize);
                text.Scalar(JsonTypes.Plain);
                text.Quoted(Slice(data, lengthSize, length));
                break;
            case Opaque:
                var opaqueLength = ReadVariableLength(Slice(data, 1, data.Length - 1), out var opaqueSize);
                JsonOpaque.Write(data[0], Slice(data, 1 + opaqueSize, opaqueLength), text);
                break;
            default:
                throw new BinlogFormatException($"A JSON value has the unknown type {type}.");
        }
    }

    private static void WriteLiteral(byte literal, in JsonTextWriter text)
    {
        text.Scalar(JsonTypes.Plain);
        text.Raw(literal switch
        {
            0 => "null"u8,
            1 => "true"u8,
            2 => "false"u8,
            _ => throw new BinlogFormatException($"A JSON literal has the unknown code {literal}."),
        });
    }

    private static void WriteContainer(byte type, ReadOnlySpan<byte> data, in JsonTextWriter text, int depth)
    {
        if (depth > MaxDepth)
        {
            throw new BinlogFormatException($"A JSON document is nested deeper than {MaxDepth} levels, which no server stores.");
        }

        var large = type is LargeObject or LargeArray;
        var isObject = type is SmallObject or LargeObject;
        var offsetSize = large ? 4 : 2;
        var count = ReadOffset(data, 0, offsetSize);
        var size = ReadOffset(data, offsetSize, offsetSize);
        if (size > data.Length)
        {
            throw new BinlogFormatException("A JSON container is larger than the value that holds it.");
        }

        data = data[..size];
        int keyEntrySize = offsetSize + 2, valueEntrySize = 1 + offsetSize;
        var keys = 2 * offsetSize;
        var values = keys + (isObject ? count * keyEntrySize : 0);
        if ((long)values + ((long)count * valueEntrySize) > size)
        {
            throw new BinlogFormatException("A JSON container claims more members than it has room for.");
        }

        text.Raw(isObject ? "{"u8 : "["u8);
        for (var i = 0; i < count; i++)
        {
            if (i > 0)
            {
                text.Raw(", "u8);
            }

            if (isObject)
            {
                var entry = keys + (i * keyEntrySize);
                var keyLength = BinaryPrimitives.ReadUInt16LittleEndian(Slice(data, entry + offsetSize, 2));
                text.Quoted(Slice(data, ReadOffset(data, entry, offsetSize), keyLength));
                text.Raw(": "u8);
            }

            var valueEntry = values + (i * valueEntrySize);
            var valueType = data[valueEntry];
            var inlined = valueType is Literal or Int16 or UInt16 || (large && valueType is (Int32 or UInt32));
            var at = inlined ? valueEntry + 1 : ReadOffset(data, valueEntry + 1, offsetSize);
            WriteValue(valueType, Slice(data, at, data.Length - at), text, depth);
        }

        text.Raw(isObject ? "}"u8 : "]"u8);
    }

    private static int ReadOffset(ReadOnlySpan<byte> data, int at, int size)
    {
        var value = EventSpan.LittleEndian(Slice(data, at, size));
        return value <= int.MaxValue ? (int)value : throw new BinlogFormatException("A JSON offset is out of range.");
    }

    /// <summary>Seven bits a byte, lowest first, the high bit says that more follow.</summary>
    private static int ReadVariableLength(ReadOnlySpan<byte> data, out int size)
    {
        const int maxBytes = 5;
        ulong length = 0;
        for (size = 0; size < maxBytes && size < data.Length;)
        {
            var b = data[size];
            length |= (ulong)(b & 0x7F) << (7 * size);
            size++;
            if ((b & 0x80) == 0)
            {
                return length <= int.MaxValue ? (int)length : throw new BinlogFormatException("A JSON length is out of range.");
            }
        }

        throw new BinlogFormatException("A JSON length does not end.");
    }

    private static ReadOnlySpan<byte> Slice(ReadOnlySpan<byte> data, int at, int length) =>
        at >= 0 && length >= 0 && (long)at + length <= data.Length
            ? data.Slice(at, length)
            : throw new BinlogFormatException("A JSON value points outside its document.");
}
