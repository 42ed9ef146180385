namespace Switchyard.Client;

/// <summary>
/// The server answered with an error. The connection stays usable, except when it was refused at login. The server's text can carry
/// values of rows: <see cref="Exception.Message"/> has it, so log it at debug level only. What <see cref="ToString"/> says, which logs take of an exception, is without it.
/// </summary>
public sealed class ServerErrorException : Exception
{
    public ServerErrorException(int code, string sqlState, string serverMessage, int statementIndex = 0)
        : base($"{serverMessage} (error {code}, SQLSTATE {sqlState})")
    {
        Code = code;
        SqlState = sqlState;
        ServerMessage = serverMessage;
        StatementIndex = statementIndex;
    }

    /// <summary>The server's error number, for example 1062.</summary>
    public int Code { get; }

    /// <summary>Five characters; <c>HY000</c> where the server sent none.</summary>
    public string SqlState { get; }

    public string ServerMessage { get; }

    /// <summary>
    /// The server has no room for what it was to write: its disk, a quota or a tablespace is full. None of these errors quotes a row's values. The operating
    /// system's number for it, which some of them only name, is 28 (no space) or 122 (quota).
    /// </summary>
    public bool IsOutOfSpace => Code is 1021 or 1114
        || (Code is 3 or 1026 or 1030 or 1105 or 1180 or 1598 && s_fullDisk.Any(words => ServerMessage.Contains(words, StringComparison.OrdinalIgnoreCase)));

    /// <summary>Which statement of a multi-statement failed, counted from zero by results: those before it have been executed.</summary>
    public int StatementIndex { get; }

    /// <summary>The error's numbers and where it was met, without the server's text.</summary>
    public override string ToString() => $"{nameof(ServerErrorException)}: error {Code}, SQLSTATE {SqlState}{(StackTrace is { } stack ? Environment.NewLine + stack : "")}";

    private static readonly string[] s_fullDisk = ["errno: 28 ", "errno 28 ", "error 28 ", "errno: 122 ", "errno 122 ", "error 122 ", "No space left", "quota exceeded"];

    /// <param name="text">How its words read; null is UTF-8.</param>
    internal static ServerErrorException From(ReadOnlySpan<byte> payload, int statementIndex = 0, System.Text.Encoding? text = null)
    {
        var error = Wire.Payloads.ErrorPayload.Parse(payload);
        var state = error.SqlState.Length == 0 ? "HY000" : System.Text.Encoding.UTF8.GetString(error.SqlState);
        return new ServerErrorException(error.Code, state, (text ?? System.Text.Encoding.UTF8).GetString(error.Message), statementIndex);
    }
}
