using Microsoft.AspNetCore.Http;
using Switchyard.Migration;

namespace Switchyard.WebConsole.Actions;

/// <summary>Which settings a confirmation asks for.</summary>
public enum ActionFields
{
    None,
    Switch,
    Validate,
    Complete,
    Compare,
    Tables,
    Cancel,
}

/// <summary>What an action is given to run with.</summary>
/// <param name="Migrations">The verbs.</param>
/// <param name="Status">The migration as of the moment it was asked for.</param>
/// <param name="Form">The confirmation's settings.</param>
/// <param name="Stopping">The end of the process: an action does not end with the browser's connection.</param>
public sealed record ActionContext(IMigrationService Migrations, MigrationStatus Status, IFormCollection Form, CancellationToken Stopping)
{
    public string Name => Status.Name;

    public bool Has(string field) => Form[field] == "on";
}

/// <summary>One button of a migration's page, with the words of its confirmation.</summary>
public sealed record ConsoleAction
{
    /// <summary>As in the address; also the verb of the command line.</summary>
    public required string Id { get; init; }

    public required string Label { get; init; }

    /// <summary><c>primary</c>, <c>danger</c> or empty.</summary>
    public string Tone { get; init; } = "";

    /// <summary>Whether the migration's state allows it; what the engine checks besides is its own affair.</summary>
    public required Func<MigrationStatus, bool> Offered { get; init; }

    /// <summary>What will happen, in order, as sentences.</summary>
    public required Func<MigrationStatus, IEnumerable<string>> Consequences { get; init; }

    public ActionFields Fields { get; init; }

    /// <summary>The operator types the migration's name first, because it cannot be taken back.</summary>
    public bool TypeName { get; init; }

    public required Func<ActionContext, Task<ActionResult>> Run { get; init; }
}

/// <summary>What came of an action.</summary>
public sealed record ActionResult
{
    public required string Title { get; init; }

    public bool Ok { get; init; } = true;

    public IReadOnlyList<string> Lines { get; init; } = [];

    public string Remedy { get; init; } = "";

    public IReadOnlyList<Finding> Findings { get; init; } = [];

    public SwitchReport? Report { get; init; }
}
