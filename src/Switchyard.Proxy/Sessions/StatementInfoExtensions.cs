using Switchyard.Sql;

namespace Switchyard.Proxy.Sessions;

/// <summary>Questions about statements that only sessions ask.</summary>
internal static class StatementInfoExtensions
{
    /// <summary>True when the statement names a table with its schema.</summary>
    public static bool HasForeignSchema(this StatementInfo info)
    {
        foreach (var table in info.Tables)
        {
            if (table.Schema is not null)
            {
                return true;
            }
        }

        return false;
    }
}
