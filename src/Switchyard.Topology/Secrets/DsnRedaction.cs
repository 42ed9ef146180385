namespace Switchyard.Topology;

/// <summary>Hides what is secret in a DSN. Made to hide too much rather than too little when the DSN is malformed.</summary>
public static class DsnRedaction
{
    public const string Mask = "***";

    public static string Redact(string dsn)
    {
        var scheme = dsn.IndexOf("://", StringComparison.Ordinal);
        if (scheme < 0)
        {
            return Mask;
        }

        var start = scheme + 3;
        var at = dsn.LastIndexOf('@');
        var text = dsn;
        if (at >= start)
        {
            var colon = dsn.IndexOf(':', start, at - start);
            text = colon < 0 ? dsn : string.Concat(dsn.AsSpan(0, colon + 1), Mask, dsn.AsSpan(at));
        }

        var query = text.IndexOf('?', StringComparison.Ordinal);
        return query < 0 ? text : string.Concat(text.AsSpan(0, query + 1), string.Join('&', text[(query + 1)..].Split('&').Select(RedactParameter)));
    }

    private static string RedactParameter(string parameter)
    {
        var equals = parameter.IndexOf('=', StringComparison.Ordinal);
        return equals > 0 && parameter.AsSpan(0, equals).Contains("password", StringComparison.OrdinalIgnoreCase)
            ? string.Concat(parameter.AsSpan(0, equals + 1), Mask)
            : parameter;
    }
}
