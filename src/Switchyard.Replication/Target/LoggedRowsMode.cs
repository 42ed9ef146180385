using Switchyard.Binlog;
using Switchyard.Client;
using Switchyard.Replication.Values;
using Switchyard.Wire;

namespace Switchyard.Replication.Target;

/// <summary>
/// Whether rows go to the target as they were logged, in <c>BINLOG</c> statements. Decided whenever the target is connected; once the target has refused such rows,
/// they go as SQL for good, which says precisely what is wrong if anything is.
/// </summary>
internal sealed class LoggedRowsMode(bool isUnderstood)
{
    private volatile bool _isOn;
    private volatile bool _isRefused = !isUnderstood;

    public bool IsOn => _isOn && !_isRefused;

    /// <summary>The target did not take rows as logged. Whatever is wrong, SQL is held to account row by row.</summary>
    public void Refuse() => _isRefused = true;

    /// <summary>Finds out by trying whether the account may, and the server would do exactly what it is told.</summary>
    public async Task DecideAsync(BackendConnection target, CancellationToken cancellationToken)
    {
        _isOn = false;
        if (_isRefused)
        {
            return;
        }

        try
        {
            var settings = await target.QueryAsync(
                "SELECT @@global.slave_exec_mode='STRICT' AND @@global.slave_skip_errors IN ('OFF','') AND @@global.slave_run_triggers_for_rbr='NO' AND @@global.mysql56_temporal_format=1 AND @@session.binlog_format<>'STATEMENT'",
                cancellationToken).ConfigureAwait(false);
            if (settings.GetString(0, 0) == "1")
            {
                await PrepareAsync(target, cancellationToken).ConfigureAwait(false);
                _isOn = true;
            }
        }
        catch (ServerErrorException e) when (e.Code is 1044 or 1142 or 1193 or 1227)
        {
            // No right to, or no such setting: SQL does as well.
        }
    }

    /// <summary>Makes a session ready for rows as logged.</summary>
    public static async Task PrepareAsync(BackendConnection target, CancellationToken cancellationToken)
    {
        // Otherwise the target's log would hold every statement beside its rows.
        await target.ExecuteAsync("SET SESSION binlog_annotate_row_events=0", cancellationToken).ConfigureAwait(false);
        using var sql = new PayloadWriter(1024);
        sql.Sql("BINLOG '"u8);
        LoggedEvents.WriteFormat(sql);
        sql.Sql("'"u8);
        await target.ExecuteAsync(sql.WrittenMemory, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Whether the server still does exactly what it is told; asked before a COMMIT.</summary>
    public static async Task<bool> IsStrictAsync(BackendConnection target, CancellationToken cancellationToken) =>
        (await target.QueryAsync("SELECT @@global.slave_exec_mode", cancellationToken).ConfigureAwait(false)).GetString(0, 0) == "STRICT";
}
