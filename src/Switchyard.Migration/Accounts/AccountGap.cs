using Switchyard.Client;

namespace Switchyard.Migration;

/// <summary>Accounts of the application that could not log in on the other side, or could do less there.</summary>
internal sealed class AccountGap(MigrationEnvironment environment)
{
    private const int MostNamed = 10;

    /// <exception cref="CutoverFailedException">A server did not answer.</exception>
    public async Task<IReadOnlyList<Finding>> FindAsync(MigrationRecord record, FindingSeverity severity, CancellationToken cancellationToken)
    {
        var (fromName, toName) = (record.Backend(record.Direction.From), record.Backend(record.Direction.To));
        try
        {
            var (missing, lesser) = await new ServerSteps(environment, record.Settings).AskAsync(
                ServerSteps.Both, "list its accounts",
                async token =>
                {
                    var (from, to) = (await environment.BackendAsync(fromName, token), await environment.BackendAsync(toName, token));
                    return (await environment.Sides.ListMissingAccountsAsync(from, to, record.SchemaNames, token), await environment.Sides.ListLesserAccountsAsync(from, to, record.SchemaNames, token));
                },
                cancellationToken);
            if (record.Direction == Direction.Reverse && severity == FindingSeverity.Error)
            {
                // Clients are let in by the source's accounts, so an account only the target has is none of the application's and must not bar the way back.
                severity = FindingSeverity.Warning;
            }

            var findings = lesser.Select(a => Finding.Warning(
                "accounts_lack",
                $"The account {a.Account} may do less on '{toName}' than on '{fromName}': {string.Join(", ", a.Lacking.Take(MostNamed))}{(a.Lacking.Count > MostNamed ? ", …" : "")} is not granted.",
                record.Direction == Direction.Forward ? $"`switchyard migration accounts copy {record.Name}` grants it." : $"Grant it on '{toName}' if the application needs it."));
            return missing.Count == 0
                ? [.. findings]
                : [.. findings, new Finding(severity, "accounts_missing", $"'{toName}' has no account {string.Join(", ", missing)}, which uses {record.Schemas.Title()} on '{fromName}'.",
                    record.Direction == Direction.Forward ? $"Create it with `switchyard migration accounts copy {record.Name}`." : $"Create it on '{toName}' if it is the application's.")];
        }
        catch (CutoverFailedException e) when (e.InnerException is ServerErrorException refusal)
        {
            return [Finding.Warning("accounts_unknown", $"The accounts could not be compared: {refusal.ServerMessage}", $"Allow Switchyard's account to read the schema mysql on '{fromName}' and '{toName}', or compare them by hand.")];
        }
    }
}
