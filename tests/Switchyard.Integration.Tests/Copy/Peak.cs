using System.Globalization;

namespace Switchyard.Integration.Tests.Copy;

/// <summary>The most memory that a process had resident at once, by the kernel.</summary>
internal sealed class Peak(int process)
{
    // proc(5): sets the mark to what is resident now.
    private const string ResetMark = "5";

    /// <summary>Kilobytes since the last time, or since its start.</summary>
    public long Take()
    {
        var mark = File.ReadLines($"/proc/{process}/status").First(l => l.StartsWith("VmHWM:", StringComparison.Ordinal));
        File.WriteAllText($"/proc/{process}/clear_refs", ResetMark);
        return long.Parse(mark.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
    }
}
