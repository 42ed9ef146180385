namespace Switchyard.Replication.Schema;

/// <summary>What follows the closing parenthesis: table options and partitions.</summary>
internal sealed class TableOptionTranslator(ServerTraits source, ServerTraits target, TableDefinition table, List<GateFinding> findings)
{
    /// <summary>Options both vendors understand alike. Everything else says where or how bytes are kept and stays behind.</summary>
    private static readonly HashSet<string> Common = new(StringComparer.OrdinalIgnoreCase)
    {
        "AUTO_INCREMENT", "COMMENT", "STATS_PERSISTENT", "STATS_AUTO_RECALC", "STATS_SAMPLE_PAGES", "MAX_ROWS", "MIN_ROWS", "AVG_ROW_LENGTH",
        "CHECKSUM", "DELAY_KEY_WRITE", "PACK_KEYS",
    };

    private static readonly HashSet<string> Silent = new(StringComparer.OrdinalIgnoreCase)
    {
        "ENGINE", "CHARSET", "CHARACTER", "COLLATE", "DEFAULT", "SET", "ROW_FORMAT", "KEY_BLOCK_SIZE", "ENCRYPTION", "TABLESPACE", "STORAGE",
    };

    internal string Translate(List<SqlToken> tokens)
    {
        var partition = tokens.FindIndex(t => t.Is("PARTITION"));
        var options = partition < 0 ? tokens : tokens[..partition];
        var text = $"ENGINE=InnoDB{Collation()}";
        for (var i = 0; i < options.Count; i++)
        {
            var name = options[i].Unquoted;
            var hasValue = i + 2 < options.Count && options[i + 1].Is("=");
            if (Common.Contains(name) && hasValue)
            {
                text += $" {name}={options[i + 2].Text}";
            }
            else if (name.Equals("ROW_FORMAT", StringComparison.OrdinalIgnoreCase) && hasValue && IsInnoDbFormat(options[i + 2].Text))
            {
                text += $" ROW_FORMAT={options[i + 2].Text}";
            }
            else if (name.Equals("KEY_BLOCK_SIZE", StringComparison.OrdinalIgnoreCase) && hasValue)
            {
                text += $" KEY_BLOCK_SIZE={options[i + 2].Text}";
            }
            else if (hasValue && !Silent.Contains(name))
            {
                findings.Add(GateFinding.Info(
                    "option_dropped", table.Name.ToString(), $"The table option {name}={options[i + 2].Text} of {table.Name} says how the source keeps its bytes and is not carried over."));
            }
            else if (name.Equals("VERSIONING", StringComparison.OrdinalIgnoreCase))
            {
                findings.Add(GateFinding.Refuse(
                    "system_versioned",
                    table.Name.ToString(),
                    $"{table.Name} keeps history rows (WITH SYSTEM VERSIONING), which cannot be copied with their times.",
                    $"Exclude it, or run ALTER TABLE {table.Name.Quoted} DROP SYSTEM VERSIONING on the source if the history is not needed."));
            }

            i += hasValue ? 2 : 0;
        }

        return partition < 0 ? text : $"{text}\n{Partition(tokens[partition..])}";
    }

    private static bool IsInnoDbFormat(string format) => format.ToUpperInvariant() is "DYNAMIC" or "COMPACT" or "REDUNDANT" or "COMPRESSED";

    private string Collation()
    {
        if (table.Collation is not { } collation || CollationMap.Map(collation, target) is not { } mapped)
        {
            return "";
        }

        if (!mapped.IsExact)
        {
            findings.Add(GateFinding.Info(
                "collation_replaced",
                table.Name.ToString(),
                $"{table.Name} has the default collation {collation}, which the target does not have; it becomes {mapped.Collation}."));
        }

        return $" DEFAULT CHARSET={mapped.CharacterSet} COLLATE={mapped.Collation}";
    }

    private string Partition(List<SqlToken> tokens)
    {
        if (source.IsMariaDb && !target.IsMariaDb && tokens.Exists(t => t.Is("SYSTEM_TIME")))
        {
            findings.Add(GateFinding.Refuse(
                "system_time_partition", table.Name.ToString(), $"{table.Name} is partitioned by SYSTEM_TIME, which the target does not have.", "Exclude the table."));
        }

        if (source.IsMariaDb && !target.IsMariaDb && tokens.Exists(t => t.Is("DEFAULT")))
        {
            findings.Add(GateFinding.Refuse(
                "default_partition", table.Name.ToString(), $"{table.Name} has a DEFAULT partition, for values that no other one lists, which the target does not have.",
                "List the values of each partition on the source, or exclude the table."));
        }

        // Where a partition's files lie is the source's own affair: DATA DIRECTORY = '…'.
        var kept = new List<SqlToken>();
        for (var i = 0; i < tokens.Count; i++)
        {
            if ((tokens[i].Is("DATA") || tokens[i].Is("INDEX")) && i + 3 < tokens.Count && tokens[i + 1].Is("DIRECTORY"))
            {
                i += 3;
                continue;
            }

            kept.Add(tokens[i]);
        }

        return SqlTokens.Write(kept);
    }
}
