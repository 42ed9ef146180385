using System.Collections.Immutable;
using System.Text;
using Switchyard.Proxy.Shadow;

namespace Switchyard.Proxy.Sessions;

/// <summary>
/// What a session has changed from a fresh connection, by name; the values stay on the leg where they were made and are read when they must
/// move. Each change has a number, so that a leg knows what it lacks. Owned by whoever has the session's turn, save the immutable parts.
/// </summary>
internal sealed class SessionState
{
    private readonly Dictionary<string, long> _variables = new(StringComparer.OrdinalIgnoreCase);
    private readonly Dictionary<string, long> _userVariables = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>The SET statements that made it so; null before the first.</summary>
    public SettingsScript? Settings { get; set; }

    /// <summary>Number of the last change.</summary>
    public long Version { get; private set; }

    /// <summary>The current schema; null for none. Read by other threads.</summary>
    public volatile string? Schema;

    /// <summary>The client's character set, in which names of user variables are told; null is UTF-8.</summary>
    public Encoding? Text { get; set; }

    /// <summary>Number of the last change of LAST_INSERT_ID().</summary>
    public long LastInsertIdVersion { get; private set; }

    /// <summary>Argument of the last COM_SET_OPTION; null when none came.</summary>
    public byte[]? SetOption { get; private set; }

    public long SetOptionVersion { get; private set; }

    /// <summary>A SET TRANSACTION for the next transaction only, as sent; null when none waits.</summary>
    public byte[]? NextTransaction { get; private set; }

    public long NextTransactionVersion { get; private set; }

    /// <summary>Session variables changed, each with the number of its last change.</summary>
    public IReadOnlyDictionary<string, long> ChangedVariables => _variables;

    public IEnumerable<string> VariablesSince(long version) => Since(_variables, version);

    public IEnumerable<string> UserVariablesSince(long version) => Since(_userVariables, version);

    public void VariableChanged(string name) => _variables[name] = ++Version;

    public void UserVariableChanged(string name) => _userVariables[name] = ++Version;

    public void LastInsertIdChanged() => LastInsertIdVersion = ++Version;

    public void OptionSet(byte[] argument)
    {
        SetOption = argument;
        SetOptionVersion = ++Version;
    }

    public void NextTransactionSet(byte[]? statement)
    {
        NextTransaction = statement;
        NextTransactionVersion = ++Version;
    }

    /// <summary>SET NAMES and SET CHARACTER SET change these together.</summary>
    public static ImmutableArray<string> NamesVariables { get; } =
        ["character_set_client", "character_set_connection", "character_set_results", "collation_connection"];

    /// <summary>Back to a fresh connection, as COM_RESET_CONNECTION and COM_CHANGE_USER do; the schema is the caller's affair.</summary>
    public void Reset()
    {
        _variables.Clear();
        _userVariables.Clear();
        Settings = null;
        Version++;
        LastInsertIdVersion = 0;
        SetOption = null;
        SetOptionVersion = 0;
        NextTransaction = null;
        NextTransactionVersion = 0;
    }

    private static IEnumerable<string> Since(Dictionary<string, long> names, long version)
    {
        foreach (var (name, changed) in names)
        {
            if (changed > version)
            {
                yield return name;
            }
        }
    }
}
