using System.Text.RegularExpressions;

namespace Switchyard.Replication.Tests.Regressions;

/// <summary>The list of bugs that others met (<c>docs/internals/known-bugs.md</c>) promises a test for each.</summary>
public sealed partial class KnownBugListTests
{
    [Fact]
    public void Every_bug_of_the_list_names_a_test_that_is_there()
    {
        var root = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(root, "Switchyard.slnx")))
        {
            root = Path.GetDirectoryName(root) ?? throw new DirectoryNotFoundException("The tests do not run in a checkout.");
        }

        var tests = Directory.EnumerateFiles(Path.Combine(root, "tests"), "*Tests.cs", SearchOption.AllDirectories)
            .GroupBy(Path.GetFileNameWithoutExtension).ToDictionary(g => g.Key!, g => string.Concat(g.Select(File.ReadAllText)));
        var bugs = File.ReadLines(Path.Combine(root, "docs", "internals", "known-bugs.md")).Where(l => l.StartsWith("| ", StringComparison.Ordinal)).Skip(1).ToList();
        Assert.NotEmpty(bugs);
        foreach (var bug in bugs)
        {
            var names = TestName().Matches(bug.Split('|')[3]);
            Assert.True(names.Count > 0, bug);
            foreach (Match name in names)
            {
                Assert.True(tests.TryGetValue(name.Groups["class"].Value, out var text), $"There is no {name.Value}: {bug}");
                Assert.True(Method(name.Groups["method"].Value).IsMatch(text), $"There is no {name.Value}: {bug}");
            }
        }
    }

    [GeneratedRegex("`(?<class>[A-Za-z]+Tests)(\\.(?<method>[A-Za-z_]+))?`")]
    private static partial Regex TestName();

    // A class alone is one that has a test.
    private static Regex Method(string name) => new($@"\[(Fact|Theory)[^;]*?public (async Task|Task|void) {(name.Length > 0 ? name : "[A-Z]")}{(name.Length > 0 ? @"\(" : "")}", RegexOptions.Singleline);
}
