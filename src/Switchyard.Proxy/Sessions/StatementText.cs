using System.Text;
using Switchyard.Sql;

namespace Switchyard.Proxy.Sessions;

/// <summary>A statement in a few words without any value, fit for lists and logs.</summary>
internal static class StatementText
{
    private const int MaxTables = 5;

    public static string Of(StatementInfo info)
    {
        var text = new StringBuilder(info.Kind.ToString());
        for (var i = 0; i < info.Tables.Length && i < MaxTables; i++)
        {
            var table = info.Tables[i];
            text.Append(i == 0 ? " " : ", ").Append(table.Schema is null ? table.Name : $"{table.Schema}.{table.Name}");
        }

        return (info.Tables.Length > MaxTables ? text.Append(", …") : text).ToString();
    }
}
