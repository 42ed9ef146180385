namespace Switchyard.Sql;

/// <summary>How often statements of one remembered shape were run, by the schema they were run in. Lives as long as its cache entry.</summary>
/// <remarks>
/// Noting a use is an increment and nothing else: counts lost to a race do no harm, and when a shape was last seen is found out by whoever looks
/// from time to time, with <see cref="Observe"/>.
/// </remarks>
public sealed class ShapeUse
{
    private const int MostSchemas = 4;
    private readonly byte[] _shape;
    private InSchema[] _schemas = [];

    internal ShapeUse(byte[] shape, StatementInfo info)
    {
        _shape = shape;
        Info = info;
    }

    /// <summary>What the scanner says of every statement of this shape.</summary>
    public StatementInfo Info { get; }

    /// <summary>The statement without its literals; nothing of one with hints or gated parts, in which literals may stand.</summary>
    public string Text => _shape.AsSpan().IndexOf("/*"u8) < 0 ? System.Text.Encoding.UTF8.GetString(_shape) : "(a statement with hints or version comments)";

    /// <summary>The uses by schema; a shape used in more than a few is counted for the first ones only.</summary>
    public IReadOnlyList<InSchema> Schemas => Volatile.Read(ref _schemas);

    /// <summary>A statement of this shape is run by a session in this schema. Null for one schema too many.</summary>
    public InSchema? Note(string? schema)
    {
        foreach (var known in Volatile.Read(ref _schemas))
        {
            if (string.Equals(known.Schema, schema, StringComparison.Ordinal))
            {
                known.Count++;
                return known;
            }
        }

        return Add(schema);
    }

    /// <summary>Gives what was run since the last call the time of this one.</summary>
    public void Observe(DateTimeOffset now)
    {
        foreach (var known in Volatile.Read(ref _schemas))
        {
            known.Observe(now);
        }
    }

    private InSchema? Add(string? schema)
    {
        lock (_shape)
        {
            if (_schemas.Length == MostSchemas)
            {
                return null;
            }

            var added = new InSchema(this, schema) { Count = 1 };
            Volatile.Write(ref _schemas, [.. _schemas, added]);
            return added;
        }
    }

    /// <summary>The uses in one schema.</summary>
    public sealed class InSchema
    {
        private long _observed;

        internal InSchema(ShapeUse shape, string? schema)
        {
            Shape = shape;
            Schema = schema;
        }

        /// <summary>Of what shape.</summary>
        public ShapeUse Shape { get; }

        /// <summary>The sessions' current schema; null for none.</summary>
        public string? Schema { get; }

        /// <summary>How often, nearly.</summary>
        public long Count { get; internal set; }

        /// <summary>When it was last known to be run.</summary>
        public DateTimeOffset LastSeen { get; private set; }

        internal void Observe(DateTimeOffset now)
        {
            var count = Count;
            if (count != _observed)
            {
                (_observed, LastSeen) = (count, now);
            }
        }
    }
}
