using Switchyard.Proxy.Legs;
using Switchyard.Sql;

namespace Switchyard.Proxy.Sessions;

/// <summary>
/// Keeps account of which statement shapes are run, and which of them in one transaction, so that a move of some tables can be judged by what
/// applications really do.
/// </summary>
internal sealed partial class ProxySession
{
    // A transaction of more shapes is judged by its first ones.
    private const int MostShapesTogether = 16;
    private ShapeUse.InSchema[]? _together;
    private int _togetherCount;

    private void NoteShape(Statement statement, BackendLeg leg)
    {
        var use = statement.Info.Use?.Note(SchemaOf(statement));
        var inTransaction = leg.InTransaction;
        if (!inTransaction && _togetherCount == 0)
        {
            return;
        }

        if (use is not null && _togetherCount < MostShapesTogether && Array.IndexOf(_together ??= new ShapeUse.InSchema[MostShapesTogether], use, 0, _togetherCount) < 0)
        {
            _together[_togetherCount++] = use;
        }

        if (!inTransaction)
        {
            if (_togetherCount > 1)
            {
                _context.Transactions.Note(_together.AsSpan(0, _togetherCount));
            }

            Array.Clear(_together!, 0, _togetherCount);
            _togetherCount = 0;
        }
    }
}
