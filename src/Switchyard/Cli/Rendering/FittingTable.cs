using Spectre.Console;
using Spectre.Console.Rendering;

namespace Switchyard.Cli.Rendering;

/// <summary>A table; on a terminal too narrow for it, row by row with a line for each column, since squeezed columns break words and numbers in two.</summary>
internal sealed class FittingTable(string[] columns) : Renderable
{
    private const int Gap = 2;
    private readonly List<string[]> _rows = [];

    /// <param name="cells">Markup, one for each column.</param>
    public void AddRow(params string[] cells) => _rows.Add(cells);

    protected override Measurement Measure(RenderOptions options, int maxWidth) => Fitting(maxWidth).Measure(options, maxWidth);

    protected override IEnumerable<Segment> Render(RenderOptions options, int maxWidth) => Fitting(maxWidth).Render(options, maxWidth);

    private IRenderable Fitting(int maxWidth) =>
        columns.Select((name, i) => _rows.Select(row => new Markup(row[i]).Length).Append(name.Length).Max() + Gap).Sum() <= maxWidth ? Across() : Down();

    private Table Across()
    {
        var table = new Table().Border(TableBorder.None);
        foreach (var column in columns)
        {
            table.AddColumn(new TableColumn(Head(column)).PadRight(Gap).NoWrap());
        }

        foreach (var row in _rows)
        {
            table.AddRow(row);
        }

        return table;
    }

    private Table Down()
    {
        var table = new Table().Border(TableBorder.None).HideHeaders().AddColumn(new TableColumn("").PadRight(Gap).NoWrap()).AddColumn("");
        foreach (var row in _rows)
        {
            for (var i = 0; i < columns.Length; i++)
            {
                if (row[i].Length > 0)
                {
                    table.AddRow(Head(columns[i]), row[i]);
                }
            }

            table.AddEmptyRow();
        }

        return table;
    }

    private static string Head(string column) => $"[grey]{column}[/]";
}
