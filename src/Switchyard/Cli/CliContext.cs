using System.Text.Encodings.Web;
using System.Text.Json;
using Spectre.Console;

namespace Switchyard.Cli;

/// <summary>Where a verb reads and prints: answers on standard output, everything else on standard error.</summary>
internal sealed class CliContext : IDisposable
{
    /// <summary>Tables must not be cut to 80 columns when somebody reads them from a file.</summary>
    private const int PlainWidth = 200;

    private static readonly JsonSerializerOptions s_indented = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public CliContext(bool json, ApiClient api)
    {
        Json = json;
        Api = api;
        Out = CreateConsole(Console.Out, Console.IsOutputRedirected);
        Error = CreateConsole(Console.Error, Console.IsErrorRedirected);
    }

    public bool Json { get; }

    public ApiClient Api { get; }

    public IAnsiConsole Out { get; }

    public IAnsiConsole Error { get; }

    /// <summary>Progress is drawn for a person only, and on standard error, so that an answer can be piped.</summary>
    public bool ShowsProgress => !Json && !Console.IsErrorRedirected;

    /// <summary>Prints the one document, or the text for people.</summary>
    public void Print<T>(Answer<T> answer, Action<IAnsiConsole, T> text)
    {
        if (Json)
        {
            PrintJson(answer.Json);
        }
        else
        {
            text(Out, answer.Value);
        }
    }

    public static void PrintJson(JsonElement json) => Console.Out.WriteLine(JsonSerializer.Serialize(json, s_indented));

    public void Dispose() => Api.Dispose();

    public static IAnsiConsole CreateConsole(TextWriter writer, bool redirected)
    {
        var console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Out = new AnsiConsoleOutput(writer),
            Ansi = redirected ? AnsiSupport.No : AnsiSupport.Detect,
            ColorSystem = redirected ? ColorSystemSupport.NoColors : ColorSystemSupport.Detect,
            Interactive = redirected ? InteractionSupport.No : InteractionSupport.Detect,
        });
        if (redirected)
        {
            console.Profile.Width = PlainWidth;
        }

        return console;
    }
}
