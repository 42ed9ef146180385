namespace Switchyard.Integration.Tests.Cutover;

/// <summary>What a long test found out, as a table in a file beside the test's own program and on its output.</summary>
internal sealed class TestReport(string name, string heading, Xunit.Abstractions.ITestOutputHelper output)
{
    private readonly string _path = Path.Combine(Directory.CreateDirectory(Path.Combine(AppContext.BaseDirectory, "reports")).FullName, $"{name}.md");
    private bool _begun;

    /// <summary>All counts and all points, which takes minutes; else a selection.</summary>
    public static bool Full => Environment.GetEnvironmentVariable("SWITCHYARD_FULL") == "1";

    public void Add(string line)
    {
        if (!_begun)
        {
            _begun = true;
            File.WriteAllText(_path, $"{heading}\n{string.Concat(heading.Select(c => c == '|' ? '|' : '-'))}\n");
            output.WriteLine($"The report is in {_path}");
        }

        File.AppendAllText(_path, line + "\n");
        output.WriteLine(line);
    }
}
