using System.Globalization;
using Switchyard.Client;
using Switchyard.Proxy.Legs;
using Switchyard.Proxy.Sessions;
using Switchyard.Wire;

namespace Switchyard.Proxy.Shadow;

/// <summary>
/// A connection to each side, both made like the session whose reads they run, and neither able to write. One user at a time.
/// </summary>
internal sealed class ShadowPair : IAsyncDisposable
{
    private const Capabilities Spoken = Capabilities.LongFlag | Capabilities.MultiResults | Capabilities.PsMultiResults | Capabilities.DeprecateEof;

    private string? _schema;
    private bool _isClockSet;

    private ShadowPair(BackendConnection source, BackendConnection target, string? schema)
    {
        Source = source;
        Target = target;
        _schema = schema;
    }

    public BackendConnection Source { get; }

    public BackendConnection Target { get; }

    public bool IsUsable => Source.IsUsable && Target.IsUsable;

    /// <summary>The servers print JSON differently.</summary>
    public bool ReadsJson => Source.Server.IsMariaDb != Target.Server.IsMariaDb;

    /// <summary>When it was last used, as a timestamp.</summary>
    public long LastUsed { get; set; }

    /// <exception cref="ShadowRefusedException">A side does not let the account in, or refuses what the session has set.</exception>
    /// <exception cref="BackendUnavailableException">A side cannot be reached.</exception>
    public static async Task<ShadowPair> OpenAsync(LegOpener opener, ShadowRead read, CancellationToken cancellationToken)
    {
        var source = await OpenAsync(opener, read, read.Source, "source", cancellationToken);
        try
        {
            var target = await OpenAsync(opener, read, read.Target, "target", cancellationToken);
            var pair = new ShadowPair(source, target, read.Schema);
            try
            {
                foreach (var setting in read.Identity.Settings)
                {
                    await pair.ApplyAsync(setting, cancellationToken);
                }

                await source.ExecuteAsync("SET SESSION TRANSACTION READ ONLY", cancellationToken);
                await target.ExecuteAsync("SET SESSION TRANSACTION READ ONLY", cancellationToken);
                return pair;
            }
            catch
            {
                await target.DisposeAsync();
                throw;
            }
        }
        catch
        {
            await source.DisposeAsync();
            throw;
        }
    }

    /// <summary>Schema and time of the statement, as the client had them.</summary>
    /// <exception cref="ShadowRefusedException">A side has no such schema.</exception>
    public async Task PrepareAsync(ShadowRead read, bool usesClock, CancellationToken cancellationToken)
    {
        if (read.Schema is { } schema && schema != _schema)
        {
            _schema = null;
            await OnBothAsync(connection => connection.ChangeSchemaAsync(schema, cancellationToken));
            _schema = schema;
        }

        if (usesClock || _isClockSet)
        {
            var clock = usesClock ? read.At.ToString("F6", CultureInfo.InvariantCulture) : "DEFAULT";
            await OnBothAsync(connection => connection.ExecuteAsync($"SET timestamp = {clock}", cancellationToken));
            _isClockSet = usesClock;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Source.DisposeAsync();
        await Target.DisposeAsync();
    }

    private static async Task<BackendConnection> OpenAsync(
        LegOpener opener, ShadowRead read, string backend, string side, CancellationToken cancellationToken)
    {
        var identity = read.Identity;
        var capabilities = Spoken | (identity.IgnoresSpace ? Capabilities.IgnoreSpace : Capabilities.None);
        var terms = new LegTerms(identity.Proof.Client.Address, capabilities, identity.Collation, [new("program_name", "switchyard-shadow")], identity.SessionId) { Schema = read.Schema };
        try
        {
            return await opener.ConnectAsync(backend, identity.Proof, terms, backend == identity.AccountsOf, cancellationToken);
        }
        catch (ServerErrorException refused)
        {
            throw new ShadowRefusedException($"the {side} refuses the login with error {refused.Code}", refused);
        }
        catch (BackendUnavailableException refused) when (refused.Reason == UnavailableReason.LoginImpossible)
        {
            throw new ShadowRefusedException($"the account cannot be logged in to the {side} with what its client has shown", refused);
        }
    }

    /// <summary>As the session has sent it; where the target does not take it so, by the values it has on the source.</summary>
    private async Task ApplyAsync(Setting setting, CancellationToken cancellationToken)
    {
        try
        {
            await Source.ExecuteAsync(setting.Text, cancellationToken);
        }
        catch (ServerErrorException refused)
        {
            throw new ShadowRefusedException($"the source refuses a setting of the session with error {refused.Code}", refused);
        }

        try
        {
            await Target.ExecuteAsync(setting.Text, cancellationToken);
        }
        catch (ServerErrorException)
        {
            foreach (var name in setting.Names)
            {
                await CarryAsync(name, cancellationToken);
            }
        }
    }

    private async Task CarryAsync(string name, CancellationToken cancellationToken)
    {
        try
        {
            var answer = await Source.QueryAsync($"SELECT @@session.{VariableNames.OnServer(name, Source.Server)}", cancellationToken);
            var value = VariableNames.ValueOnServer(name, answer.GetStringOrNull(0, 0), Target.Server);
            var isNumber = answer.Columns[0].Type is ColumnType.LongLong or ColumnType.Long or ColumnType.Double or ColumnType.NewDecimal;
            var literal = value is null ? "NULL" : isNumber ? value : SqlText.QuoteString(value);
            await Target.ExecuteAsync($"SET @@session.{VariableNames.OnServer(name, Target.Server)} = {literal}", cancellationToken);
        }
        catch (ServerErrorException refused)
        {
            throw new ShadowRefusedException($"the target refuses the session's {name} with error {refused.Code}", refused);
        }
    }

    private async Task OnBothAsync(Func<BackendConnection, Task> action)
    {
        foreach (var (connection, side) in new[] { (Source, "source"), (Target, "target") })
        {
            try
            {
                await action(connection);
            }
            catch (ServerErrorException refused)
            {
                throw new ShadowRefusedException($"the {side} refuses the session's schema or clock with error {refused.Code}", refused);
            }
        }
    }
}

/// <summary>A side cannot be made like the session; the message says why, without any value.</summary>
internal sealed class ShadowRefusedException(string reason, Exception inner) : Exception(reason, inner);
