namespace Switchyard.Binlog;

/// <summary>
/// What MySQL keeps of a scalar inside JSON and its text does not show. Where a column asks for it (<see cref="ColumnShape.KeepsJsonTypes"/>), a cell is the text, one of the
/// two separators, which never stand in the text itself, and a letter a scalar.
/// </summary>
public static class JsonTypes
{
    /// <summary>A whole number in text is read as a signed integer up to this one, and as an unsigned one above (the server's parser tells them apart by 32 bits).</summary>
    public const uint GreatestReadAsSigned = uint.MaxValue;

    /// <summary>Letters follow in the order in which scalars stand in the text.</summary>
    public const byte InTextOrder = 0;

    /// <summary>
    /// A letter for the whole document follows, then one for each member of each object, then one for each element of each array, objects and arrays in the order in which they
    /// begin: what the paths <c>$**.*</c> and <c>$**[*]</c> give.
    /// </summary>
    public const byte AsExtracted = 1;

    /// <summary>Reading the text gives it back; also anything that is no scalar.</summary>
    public const byte Plain = (byte)'.';

    /// <summary>A DECIMAL.</summary>
    public const byte Decimal = (byte)'n';

    /// <summary>An unsigned integer that would be read as a signed one.</summary>
    public const byte Unsigned = (byte)'u';

    /// <summary>A signed integer that would be read as an unsigned one.</summary>
    public const byte Signed = (byte)'i';

    /// <summary>A double that is printed like an integer (MySQL 5.7).</summary>
    public const byte Double = (byte)'f';

    /// <summary>A DATE.</summary>
    public const byte Date = (byte)'d';

    /// <summary>A TIME.</summary>
    public const byte Time = (byte)'t';

    /// <summary>A DATETIME.</summary>
    public const byte DateTime = (byte)'s';

    /// <summary>A TIMESTAMP.</summary>
    public const byte Timestamp = (byte)'z';

    /// <summary>Anything else, printed as <c>base64:typeN:…</c>.</summary>
    public const byte Opaque = (byte)'o';
}
