using Switchyard.Replication.Schema;
using Switchyard.Replication.Values;

namespace Switchyard.Replication.Tables;

/// <summary>One column that is read on the source and written on the target.</summary>
/// <param name="Ordinal">Its place in the source's row images.</param>
/// <param name="QuotedName">Its name on the target as SQL.</param>
/// <param name="Literal">How its cells are written.</param>
/// <param name="SetsItself">The target would change it in an update that does not name it (ON UPDATE CURRENT_TIMESTAMP).</param>
/// <param name="Kind">What it holds.</param>
internal sealed record ColumnPlan(int Ordinal, byte[] QuotedName, Literal Literal, bool SetsItself, ColumnKind Kind);
