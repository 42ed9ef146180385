using System.CommandLine;
using System.CommandLine.Parsing;
using Switchyard.Migration;

namespace Switchyard.Cli;

/// <summary>
/// <c>--schema S [--tables a,b | --exclude-tables a,b]</c>, repeated: a list of tables belongs to the schema named before it. With a single
/// schema the order does not matter.
/// </summary>
internal sealed class SchemaSelections
{
    private readonly Option<string[]> _schema = new("--schema")
    {
        Description = "A schema to move; repeat it, each with its own tables, to move several as one", HelpName = "SCHEMA", Required = true,
    };

    private readonly Option<string[]?> _tables = GlobalOptions.Names("--tables", "Only these tables of the schema before");
    private readonly Option<string[]?> _exclude = GlobalOptions.Names("--exclude-tables", "All tables but these of the schema before");

    public IReadOnlyList<Symbol> Options => [_schema, _tables, _exclude];

    /// <summary>Adds what the options say to a request.</summary>
    public CreateMigrationRequest Fill(CreateMigrationRequest request, ParseResult result)
    {
        var names = result.GetRequiredValue(_schema);
        return names.Length == 1
            ? request with { Schema = names[0], Tables = result.GetValue(_tables), ExcludeTables = result.GetValue(_exclude) }
            : request with { Schemas = ReadInOrder(result.Tokens) };
    }

    private List<SchemaSelection> ReadInOrder(IReadOnlyList<Token> tokens)
    {
        var selections = new List<SchemaSelection>();
        for (var i = 0; i + 1 < tokens.Count; i++)
        {
            var (option, value) = (tokens[i], tokens[i + 1].Value);
            if (option.Type == TokenType.Option && option.Value == _schema.Name)
            {
                selections.Add(new SchemaSelection { Schema = value });
            }
            else if (option.Type == TokenType.Option && (option.Value == _tables.Name || option.Value == _exclude.Name))
            {
                if (selections.Count == 0)
                {
                    throw new CliException(ExitCode.Usage, $"{option.Value} stands before the first --schema, so with several schemas it belongs to none.", "Write it after the --schema it is about.");
                }

                var names = GlobalOptions.Split(value);
                selections[^1] = option.Value == _tables.Name
                    ? selections[^1] with { Tables = [.. selections[^1].Tables ?? [], .. names] }
                    : selections[^1] with { ExcludeTables = [.. selections[^1].ExcludeTables ?? [], .. names] };
            }
        }

        return selections;
    }
}
