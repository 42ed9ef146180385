using Switchyard.Binlog;
using Switchyard.Replication.Keys;
using Switchyard.Replication.Schema;
using Switchyard.Replication.Tables;
using Switchyard.Replication.Target;
using Switchyard.Replication.Values;
using Switchyard.Wire;

namespace Switchyard.Replication.Apply;

/// <summary>Writes row changes as SQL into a group. Neighbouring inserts into one table, and deletes by a single key column, become one statement.</summary>
internal sealed class ChangeWriter
{
    // Long enough to be cheap per row, short enough to stay far under every max_allowed_packet.
    private const int JoinedBytes = 128 * 1024;
    private ChangeGroup? _joinGroup;
    private TablePlan? _joinTable;
    private ChangeKind _joinKind;
    private bool _joinStrict;
    private int _joinStart;

    public void Insert(ChangeGroup group, TablePlan table, RowImage row)
    {
        var lenient = NeedsLenientMode(table, row);
        if (!lenient && CanJoin(group, table, ChangeKind.Insert, strict: true))
        {
            group.Sql.WriteByte((byte)',');
            group.ExpectMore(1);
        }
        else
        {
            SetMode(group, lenient);
            Start(group, new ChangeStatement(ChangeKind.Insert, table, 1));
            group.Sql.Sql(table.InsertPrefix);
        }

        WriteRow(group, table, row);
        SetModeBack(group, lenient);
    }

    /// <param name="strict">The row must be there; otherwise it may be missing because it is not copied yet.</param>
    /// <param name="cascade">Let the target's foreign keys act on other tables, as the source's did.</param>
    public void Delete(ChangeGroup group, TablePlan table, RowImage row, bool strict, bool cascade)
    {
        Cascading(group, cascade, on: true);
        var key = table.KeyOf(row);
        var single = table.TargetKey is [{ ExactComparison: null }];
        if (single && !cascade && CanJoin(group, table, ChangeKind.Delete, strict))
        {
            group.Sql.MutableSpan[^1] = (byte)',';
            table.TargetKey[0].Literal.Write(group.Sql, false, key[0].Bytes.Span);
            group.Sql.WriteByte((byte)')');
            group.ExpectMore(1);
        }
        else
        {
            Start(group, new ChangeStatement(ChangeKind.Delete, table, strict ? 1 : null));
            group.Sql.Sql(table.DeletePrefix);
            if (single)
            {
                group.Sql.Sql(table.TargetKey[0].QuotedName).Sql(" IN ("u8);
                table.TargetKey[0].Literal.Write(group.Sql, false, key[0].Bytes.Span);
                group.Sql.WriteByte((byte)')');
                _joinStrict = strict;
            }
            else
            {
                KeyConditions.WriteEquals(group.Sql, table.TargetKey, key);
                _joinGroup = null;
            }
        }

        if (cascade)
        {
            Cascading(group, cascade, on: false);
        }
    }

    public void Update(ChangeGroup group, TablePlan table, RowImage before, RowImage after, bool cascade)
    {
        var lenient = NeedsLenientMode(table, after);
        Cascading(group, cascade, on: true);
        SetMode(group, lenient);
        Start(group, new ChangeStatement(ChangeKind.Update, table, 1));
        _joinGroup = null;
        group.Sql.Sql(table.UpdatePrefix);
        var any = false;
        foreach (var column in table.Columns)
        {
            if (column.SetsItself || !before[column.Ordinal].ValueEquals(after[column.Ordinal]))
            {
                WriteAssignment(group, column, after, any);
                any = true;
            }
        }

        if (!any)
        {
            WriteAssignment(group, table.Columns[0], after, false);
        }

        group.Sql.Sql(" WHERE "u8);
        KeyConditions.WriteEquals(group.Sql, table.TargetKey, table.KeyOf(before));
        SetModeBack(group, lenient);
        Cascading(group, cascade, on: false);
    }

    private static void WriteRow(ChangeGroup group, TablePlan table, RowImage row)
    {
        var sql = group.Sql;
        sql.WriteByte((byte)'(');
        for (var i = 0; i < table.Columns.Length; i++)
        {
            if (i > 0)
            {
                sql.WriteByte((byte)',');
            }

            var column = table.Columns[i];
            group.Write(column.Literal, row[column.Ordinal]);
        }

        sql.WriteByte((byte)')');
    }

    /// <summary>Statements written from now on do not join earlier ones.</summary>
    public void Separate() => _joinGroup = null;

    private static bool NeedsLenientMode(TablePlan table, RowImage row)
    {
        foreach (var column in table.Columns)
        {
            if (column.Kind == ColumnKind.Enum && row[column.Ordinal].Bytes.Span is [(byte)'0'])
            {
                return true;
            }
        }

        return false;
    }

    private static void WriteAssignment(ChangeGroup group, ColumnPlan column, RowImage row, bool more)
    {
        if (more)
        {
            group.Sql.WriteByte((byte)',');
        }

        group.Sql.Sql(column.QuotedName).Sql("="u8);
        group.Write(column.Literal, row[column.Ordinal]);
    }

    private void Start(ChangeGroup group, ChangeStatement statement)
    {
        group.Begin(statement);
        _joinGroup = group;
        _joinTable = statement.Table;
        _joinKind = statement.Kind;
        _joinStrict = true;
        _joinStart = group.Sql.Length;
    }

    private bool CanJoin(ChangeGroup group, TablePlan table, ChangeKind kind, bool strict) =>
        ReferenceEquals(_joinGroup, group) && ReferenceEquals(_joinTable, table) && _joinKind == kind && _joinStrict == strict
        && !group.IsEmpty && group.Sql.Length - _joinStart < JoinedBytes;

    private void SetMode(ChangeGroup group, bool lenient)
    {
        if (lenient)
        {
            Setting(group, $"SET sql_mode='{WriteSession.LenientSqlMode}'");
        }
    }

    private void SetModeBack(ChangeGroup group, bool lenient)
    {
        if (lenient)
        {
            Setting(group, $"SET sql_mode='{WriteSession.SqlMode}'");
        }
    }

    private void Cascading(ChangeGroup group, bool cascade, bool on)
    {
        if (cascade)
        {
            Setting(group, on ? "SET foreign_key_checks=1" : "SET foreign_key_checks=0");
        }
    }

    private void Setting(ChangeGroup group, string statement)
    {
        group.Begin(new ChangeStatement(ChangeKind.Other, null, null));
        group.Sql.Sql(statement);
        _joinGroup = null;
    }
}
