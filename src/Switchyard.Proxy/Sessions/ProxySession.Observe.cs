using System.Text;
using Switchyard.Client;
using Switchyard.Proxy.Backends;
using Switchyard.Proxy.Legs;
using Switchyard.Sql;
using Switchyard.Wire;

namespace Switchyard.Proxy.Sessions;

/// <summary>Account of what statements leave behind in the session, so that it can be carried elsewhere or is known to be pinned.</summary>
internal sealed partial class ProxySession
{
    private const SessionEffects Lasting =
        SessionEffects.SetsUserVariables | SessionEffects.SetsSessionVariables | SessionEffects.SetsNames | SessionEffects.SetsNextTransaction
        | SessionEffects.SetsRole | SessionEffects.ChangesSchema | SessionEffects.CreatesTemporaryTable | SessionEffects.DropsTemporaryTable
        | SessionEffects.DropsTable | SessionEffects.TakesNamedLock | SessionEffects.ReleasesNamedLock | SessionEffects.PreparesStatement
        | SessionEffects.DeallocatesPrepared | SessionEffects.LocksTables | SessionEffects.UnlocksTables | SessionEffects.OpensHandler
        | SessionEffects.ClosesHandler | SessionEffects.AutocommitOn | SessionEffects.AutocommitOff | SessionEffects.AutocommitUnknown
        | SessionEffects.SetsLastInsertId | SessionEffects.CallsProcedure | SessionEffects.BeginsXa | SessionEffects.EndsXa
        | SessionEffects.ExecutesPrepared | SessionEffects.Opaque;

    private static readonly HashSet<string> s_readingVariables = new(StringComparer.OrdinalIgnoreCase)
    {
        "sql_mode", "character_set_client",
    };

    /// <summary>Cannot be carried by value: what reading them gives is not what setting them back would mean.</summary>
    private static readonly HashSet<string> s_fixedVariables = new(StringComparer.OrdinalIgnoreCase)
    {
        "timestamp", "insert_id", "last_insert_id", "identity", "rand_seed1", "rand_seed2", "gtid_next", "gtid_seq_no", "server_id", "sql_log_bin",
        "pseudo_thread_id", "pseudo_slave_mode", "pseudo_replica_mode", "skip_replication", "debug", "debug_sync", "gtid_domain_id",
    };

    private bool NeedsObservation(StatementInfo info, BackendLeg leg) =>
        leg.Expired is not null || _state.NextTransaction is not null || (_pins.Reasons & PinReasons.TableLocks) != 0 || info.Has(Lasting) || info.Kind is StatementKind.Ddl or StatementKind.Multiple or StatementKind.Call || leg.Scanner.LastInsertId != 0 || leg.Scanner.ErrorCode != 0 || info.HasForeignSchema() || (leg.Scanner.Status & CursorFlags) != 0;

    /// <summary>The session's schema, as the leg that has its state says it, may not be the one that was read from the client's bytes.</summary>
    private bool _schemaUncertain;

    /// <summary>The last statements may have changed how the next ones are to be read, and did not say to what; or may have released a lock, or not.</summary>
    private bool _scanOptionsUncertain;

    private const ushort CursorFlags = (ushort)(ServerStatus.CursorExists | ServerStatus.LastRowSent);

    private async ValueTask ObserveAsync(BackendLeg leg, Statement statement, CancellationToken cancellationToken)
    {
        var info = statement.Info;
        var failed = leg.Scanner.ErrorCode != 0;
        NoteSchemas(info);
        if (leg.Expired is not null && !failed && statement.Shape != Relay.ResponseShape.None)
        {
            await LookForNewPasswordAsync(leg, cancellationToken);
        }

        if (failed && leg.InTransaction)
        {
            await OnErrorInTransactionAsync(leg, cancellationToken);
        }

        if (statement.Shape == Relay.ResponseShape.Prepared)
        {
            return;
        }

        if (statement.Prepared is { } prepared)
        {
            ObserveCursor(leg, prepared);
        }

        if (leg.Scanner.LastInsertId != 0 || info.Has(SessionEffects.SetsLastInsertId))
        {
            _state.LastInsertIdChanged();
        }

        // Of several statements, in a text or in a routine, some may have been done before one failed.
        if (failed && info.StatementCount <= 1 && info.Kind != StatementKind.Call && !info.Has(SessionEffects.SetsUserVariables | SessionEffects.CallsProcedure))
        {
            return;
        }

        var parts = info.Statements;
        var done = !failed ? parts.Length : DoneOf(info, leg);
        for (var i = 0; i < parts.Length; i++)
        {
            // Of the one that failed, and of all where the results tell nothing, some may have been done.
            if (i < done || done < 0 || (i == done && parts[i].Has(SessionEffects.SetsUserVariables)))
            {
                ObservePart(parts[i], statement, isSure: i < done);
            }
        }

        NoteSetting(statement);
        if (info.Kind == StatementKind.Call)
        {
            // Whatever a routine sets or executes, the mode and the character set are its caller's again when it ends.
            return;
        }

        if (info.Has(SessionEffects.SetsNames | SessionEffects.Opaque | SessionEffects.ExecutesPrepared | SessionEffects.CallsProcedure)
            || (info.Has(SessionEffects.SetsSessionVariables) && info.SessionVariables.Any(s_readingVariables.Contains)))
        {
            _scanOptionsUncertain |= !TryReadScanOptions(statement);
        }
    }

    /// <summary>How many statements of a text had been done when one failed, by the results that came before; -1 where they may have given none, or several.</summary>
    private static int DoneOf(StatementInfo info, BackendLeg leg) =>
        info.StatementCount > 1 && info.Statements.All(part => part.Kind is not (StatementKind.Call or StatementKind.Unknown or StatementKind.Empty)
            && !part.Has(SessionEffects.ExecutesPrepared | SessionEffects.Opaque | SessionEffects.CallsProcedure))
            ? Math.Min(leg.Scanner.Results, info.StatementCount) : -1;

    /// <param name="info">The statement.</param>
    /// <param name="statement">What it came with.</param>
    /// <param name="isSure">It has been done; else it may have been, and nothing is taken to have ended by it.</param>
    private void ObservePart(StatementInfo info, Statement statement, bool isSure)
    {
        foreach (var name in info.AssignedUserVariables)
        {
            _state.UserVariableChanged(name);
        }

        foreach (var name in info.SessionVariables)
        {
            ObserveVariable(name, statement);
        }

        if (info.Has(SessionEffects.SetsNames))
        {
            foreach (var name in SessionState.NamesVariables)
            {
                _state.VariableChanged(name);
            }
        }

        if (info.Has(SessionEffects.AutocommitOn | SessionEffects.AutocommitOff | SessionEffects.AutocommitUnknown))
        {
            _state.VariableChanged("autocommit");
        }

        if (info.UseSchema is { } schema && (isSure || !_current!.Scanner.TracksState))
        {
            // What is not sure, the server has reported if it could.
            SchemaChanged(schema);
            DoubtSchema();
        }

        if (info.Has(SessionEffects.Opaque) && !_current!.Scanner.TracksState)
        {
            // A USE that could not be read.
            _schemaUncertain = true;
            _scanOptionsUncertain = true;
        }

        if (info.Kind == StatementKind.Ddl && !info.Has(SessionEffects.CreatesTemporaryTable | SessionEffects.DropsTemporaryTable))
        {
            if (!info.UnlistedIn.IsEmpty)
            {
                // Not for statements on tables alone: routines do not change with them.
                _context.Routines.ForgetAll();
            }

            foreach (var table in info.Tables)
            {
                _context.Views.Forget(table.Schema ?? _state.Schema ?? "");
            }
        }

        ObserveNextTransaction(info, statement);
        ObservePins(info, statement, isSure);
    }

    private void ObserveVariable(string name, Statement statement)
    {
        if (s_fixedVariables.Contains(name))
        {
            _pins.VariableFixed(name, isFixed: !IsSetToDefault(name, statement));
        }
        else
        {
            _state.VariableChanged(name);
        }
    }

    private bool IsSetToDefault(string name, Statement statement) =>
        SqlScanner.TryReadSetAssignments(TextOf(statement), _scanOptions, out var assignments)
        && assignments.All(assignment => assignment.Name != name || assignment.ValueKind == SetValueKind.Default);

    private void ObserveNextTransaction(StatementInfo info, Statement statement)
    {
        if (info.Has(SessionEffects.SetsNextTransaction))
        {
            _state.NextTransactionSet(info == statement.Info ? TextOf(statement).ToArray() : null);
            if (info != statement.Info)
            {
                _pins.Add(PinReasons.Unobserved);
            }
        }
        else if (_state.NextTransaction is not null && (InTransaction || info.Tables.Length > 0 || info.Has(SessionEffects.BeginsTransaction)))
        {
            _state.NextTransactionSet(null);
        }
    }

    private void ObservePins(StatementInfo info, Statement statement, bool isSure)
    {
        if (info.Has(SessionEffects.Opaque))
        {
            _pins.Add(PinReasons.Unobserved);
        }

        if (info.Has(SessionEffects.CreatesTemporaryTable))
        {
            foreach (var table in info.Tables.Where(table => table.Access == TableAccess.Write))
            {
                _pins.TemporaryTableCreated(table.Schema ?? _state.Schema, table.Name);
            }
        }

        if (isSure && info.Has(SessionEffects.DropsTemporaryTable | SessionEffects.DropsTable))
        {
            foreach (var table in info.Tables)
            {
                _pins.TableDropped(table.Schema ?? _state.Schema, table.Name);
            }
        }

        if (info.Has(SessionEffects.TakesNamedLock | SessionEffects.ReleasesNamedLock))
        {
            NamedLocks.Observe(TextOf(statement), _pins, releases: isSure);
            _scanOptionsUncertain |= !_pins.UnsureLocks.IsEmpty;
        }

        // A transaction ends LOCK TABLES, and no lock on the whole server.
        var isGlobal = !info.TablesKnown;
        Toggle(info, SessionEffects.LocksTables, SessionEffects.UnlocksTables, PinReasons.GlobalLock, isGlobal, isSure);
        Toggle(info, SessionEffects.LocksTables, SessionEffects.UnlocksTables | SessionEffects.BeginsTransaction, PinReasons.TableLocks, !isGlobal, isSure);
        Toggle(info, SessionEffects.BeginsXa, SessionEffects.EndsXa, PinReasons.Xa, isOn: true, isSure);
        _pins.Handlers((info.Has(SessionEffects.OpensHandler) ? 1 : 0) - (isSure && info.Has(SessionEffects.ClosesHandler) ? 1 : 0));
        if (info.Has(SessionEffects.SetsRole))
        {
            _pins.Add(PinReasons.Role);
        }

        if (info.Has(SessionEffects.CallsProcedure))
        {
            _pins.RoutineCalled(info.RoutineReason);
        }

        _pins.SqlPrepared((info.Has(SessionEffects.PreparesStatement) ? 1 : 0) - (isSure && info.Has(SessionEffects.DeallocatesPrepared) ? 1 : 0));
    }

    private void Toggle(StatementInfo info, SessionEffects on, SessionEffects off, PinReasons reason, bool isOn, bool isSure)
    {
        if (info.Has(on))
        {
            if (isOn)
            {
                _pins.Add(reason);
            }
        }
        else if (isSure && info.Has(off))
        {
            _pins.Remove(reason);
        }
    }

    private void ObserveCursor(BackendLeg leg, PreparedStatement prepared)
    {
        var status = (ServerStatus)leg.Scanner.Status;
        if (leg.Scanner.OpensCursor)
        {
            _pins.Cursor(prepared.Id, open: (status & ServerStatus.LastRowSent) == 0);
        }
        else if (_pins.HasCursor(prepared.Id) && (status & ServerStatus.LastRowSent) != 0)
        {
            _pins.Cursor(prepared.Id, open: false);
        }
    }

    private void SchemaChanged(string? schema)
    {
        if (_state.Schema is { } old && !_touchedSchemas.Contains(old))
        {
            _touchedSchemas = _touchedSchemas.Add(old);
        }

        _state.Schema = schema;
        _current!.Schema = schema;
    }

    /// <summary>Letters of other character sets than UTF-8 need not be to the server what they are here: before the next statement it is asked.</summary>
    private void DoubtSchema()
    {
        _schemaUncertain = _state.Schema is { } schema && !Ascii.IsValid(schema) && (_scanOptions.Encoding is not null || schema.Contains('\uFFFD', StringComparison.Ordinal));
        _scanOptionsUncertain |= _schemaUncertain;
    }

    /// <summary>Servers end the whole transaction on these: deadlock, a lost snapshot, a failed commit, a lock wait where so configured.</summary>
    private async ValueTask OnErrorInTransactionAsync(BackendLeg leg, CancellationToken cancellationToken)
    {
        _statusUncertain = true;
        if (leg == _current && leg.Scanner.ErrorCode is 1213 or 1205 or 1020 or 1180 or 1614 or 1402)
        {
            await AskStatusAsync(cancellationToken);
        }
    }

    /// <summary>The common forms say their values themselves, and asking the server would change what the session can ask about its last statement.</summary>
    private bool TryReadScanOptions(Statement statement)
    {
        if (!SqlScanner.TryReadSetAssignments(TextOf(statement), _scanOptions, out var assignments))
        {
            return false;
        }

        var options = _scanOptions;
        foreach (var assignment in assignments)
        {
            var isNames = assignment.Scope is SetScope.Names or SetScope.CharacterSet && assignment.Name != "collate";
            if (assignment.Scope is SetScope.Ambiguous || (!isNames && (assignment.Scope != SetScope.Session || !s_readingVariables.Contains(assignment.Name))))
            {
                if (assignment.Scope is SetScope.Ambiguous)
                {
                    return false;
                }

                continue;
            }

            var text = assignment.ValueText(TextOf(statement));
            var value = assignment.ValueKind switch
            {
                SetValueKind.Word => Encoding.UTF8.GetString(text),
                SetValueKind.String => SqlScanner.DecodeString(text, _scanOptions),
                _ => null,
            };
            if (value is null)
            {
                return false;
            }

            options = assignment.Name == "sql_mode"
                ? (options with { IgnoreSpace = (_capabilities & Capabilities.IgnoreSpace) != 0 }).WithSqlMode(value)
                : options.WithClientCharacterSet(value);
        }

        _scanOptions = options;
        return true;
    }

    /// <summary>
    /// How the next statements are to be read follows the session's <c>sql_mode</c> and character set. Asked in front of the next statement that is
    /// not about the one before it: behind the statement that may have changed them, the question would wipe out its warnings and counts.
    /// </summary>
    private async ValueTask RefreshScanOptionsAsync(BackendLeg leg, CancellationToken cancellationToken)
    {
        _scanOptionsUncertain = false;
        try
        {
            foreach (var name in _pins.UnsureLocks)
            {
                var answer = await LegCommands.QueryAsync(leg, Encoding.Latin1.GetBytes($"SELECT IS_USED_LOCK('{name}') <=> CONNECTION_ID()"), cancellationToken);
                _pins.NamedLockIsHeld(name, answer.Text(0, 0) == "1");
            }

            var row = await LegCommands.QueryAsync(leg, "SELECT @@session.sql_mode, @@session.character_set_client, HEX(DATABASE())", cancellationToken);
            _scanOptions = _scanOptions.WithClientCharacterSet(row.Text(0, 1) ?? "");
            ReadModes(row.Text(0, 0) ?? "");
            if (_schemaUncertain)
            {
                _schemaUncertain = false;
                SchemaChanged(row.Text(0, 2) is { Length: > 0 } schema ? Encoding.UTF8.GetString(Convert.FromHexString(schema)) : null);
            }
        }
        catch (ServerErrorException)
        {
            _pins.Add(PinReasons.Unobserved);
        }
    }

    private ReadOnlySpan<byte> TextOf(Statement statement) =>
        statement.Prepared is { } prepared ? prepared.Sql : _commandLength == 0 ? default : QueryText(statement.Frame).Span;
}
