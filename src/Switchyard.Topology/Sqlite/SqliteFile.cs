using System.Collections.Immutable;
using Microsoft.Data.Sqlite;

namespace Switchyard.Topology;

/// <summary>
/// The file under <see cref="SqliteTopologyStore"/>: WAL journal, and <c>synchronous=FULL</c>, which syncs the log at every commit, so that an
/// answered commit survives a power cut.
/// </summary>
internal sealed class SqliteFile : IDisposable
{
    private const int FormatVersion = 1;
    private readonly SqliteConnection _connection;
    private readonly SqliteCommand _put;
    private readonly SqliteCommand _delete;
    private readonly SqliteCommand _setRevision;

    private SqliteFile(string path, SqliteConnection connection)
    {
        Path = path;
        _connection = connection;
        _put = Command(
            "INSERT INTO entries(key, value, create_revision, mod_revision, lease) VALUES ($key, $value, $create, $mod, $lease) "
            + "ON CONFLICT(key) DO UPDATE SET value = $value, create_revision = $create, mod_revision = $mod, lease = $lease",
            "$key", "$value", "$create", "$mod", "$lease");
        _delete = Command("DELETE FROM entries WHERE key = $key", "$key");
        _setRevision = Command("UPDATE store SET revision = $revision", "$revision");
    }

    public string Path { get; }

    public static SqliteFile Open(string path)
    {
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder
        {
            DataSource = path,
            Mode = SqliteOpenMode.ReadWriteCreate,
            Pooling = false,
        }.ToString());
        try
        {
            connection.Open();
            Run(connection, "PRAGMA journal_mode=WAL");
            Run(connection, "PRAGMA synchronous=FULL");
            var version = Convert.ToInt32(Run(connection, "PRAGMA user_version"), null);
            if (version > FormatVersion)
            {
                throw new TopologyStoreException($"The store {path} has format {version}, this version of Switchyard knows up to {FormatVersion}; start the newer version.");
            }

            Run(connection, "CREATE TABLE IF NOT EXISTS entries(key TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL, create_revision INTEGER NOT NULL, "
                + "mod_revision INTEGER NOT NULL, lease INTEGER NOT NULL) WITHOUT ROWID");
            Run(connection, "CREATE TABLE IF NOT EXISTS store(id INTEGER PRIMARY KEY CHECK(id = 1), revision INTEGER NOT NULL)");
            Run(connection, "INSERT INTO store(id, revision) SELECT 1, 0 WHERE NOT EXISTS (SELECT 1 FROM store)");
            Run(connection, $"PRAGMA user_version={FormatVersion}");
            return new SqliteFile(path, connection);
        }
        catch (SqliteException error)
        {
            connection.Dispose();
            throw Unusable(path, error);
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    /// <summary>Reads everything, after deleting what stood under the leases of processes that are gone.</summary>
    /// <exception cref="TopologyStoreException">It is damaged, or cannot be written.</exception>
    public StoreImage Load()
    {
        try
        {
            return Read();
        }
        catch (SqliteException error)
        {
            throw Unusable(Path, error);
        }
    }

    private static TopologyStoreException Unusable(string path, SqliteException error)
    {
        const int ReadOnly = 8, DiskError = 10, Full = 13, CannotOpen = 14;
        var remedy = error.SqliteErrorCode is ReadOnly or DiskError or Full or CannotOpen
            ? "Free space, repair the disk or make the directory writable, then start Switchyard again; nothing of it is lost."
            : "Restore it from a backup, or name another with --store.";
        return new TopologyStoreException($"The store {path} cannot be opened: {error.Message.TrimEnd('.')}. {remedy}", error);
    }

    private StoreImage Read()
    {
        using (var transaction = _connection.BeginTransaction())
        {
            using var delete = _connection.CreateCommand();
            delete.Transaction = transaction;
            delete.CommandText = "DELETE FROM entries WHERE lease <> 0";
            if (delete.ExecuteNonQuery() > 0)
            {
                delete.CommandText = "UPDATE store SET revision = revision + 1";
                delete.ExecuteNonQuery();
            }

            transaction.Commit();
        }

        var entries = StoreImage.NoEntries.ToBuilder();
        using var read = _connection.CreateCommand();
        read.CommandText = "SELECT key, value, create_revision, mod_revision FROM entries";
        using var rows = read.ExecuteReader();
        while (rows.Read())
        {
            var entry = new StoreEntry(rows.GetString(0), rows.GetString(1), rows.GetInt64(2), rows.GetInt64(3));
            entries[entry.Key] = entry;
        }

        return new StoreImage(Convert.ToInt64(Run(_connection, "SELECT revision FROM store"), null), entries.ToImmutable());
    }

    /// <summary>Makes one commit durable.</summary>
    public void Write(StoreChange change)
    {
        using var transaction = _connection.BeginTransaction();
        foreach (var key in change.Keys)
        {
            if (key.Entry is { } entry)
            {
                Execute(_put, transaction, entry.Key, entry.Value, entry.CreateRevision, entry.ModRevision, entry.LeaseId);
            }
            else
            {
                Execute(_delete, transaction, key.Key);
            }
        }

        Execute(_setRevision, transaction, change.Revision);
        transaction.Commit();
    }

    public void Dispose()
    {
        _put.Dispose();
        _delete.Dispose();
        _setRevision.Dispose();
        _connection.Dispose();
    }

    private static object? Run(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return command.ExecuteScalar();
    }

    private static void Execute(SqliteCommand command, SqliteTransaction transaction, params ReadOnlySpan<object> values)
    {
        command.Transaction = transaction;
        for (var i = 0; i < values.Length; i++)
        {
            command.Parameters[i].Value = values[i];
        }

        command.ExecuteNonQuery();
    }

    private SqliteCommand Command(string sql, params ReadOnlySpan<string> parameters)
    {
        var command = _connection.CreateCommand();
        command.CommandText = sql;
        foreach (var name in parameters)
        {
            command.Parameters.Add(new SqliteParameter { ParameterName = name });
        }

        return command;
    }
}
