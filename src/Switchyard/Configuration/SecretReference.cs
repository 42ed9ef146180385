using System.Text.RegularExpressions;

namespace Switchyard.Configuration;

/// <summary>
/// Replaces <c>${NAME}</c> by the environment variable and <c>file:PATH</c> (the whole value) by the file's content without the final line end,
/// so that secrets need not stand in files that are shared.
/// </summary>
internal static partial class SecretReference
{
    private const string FileScheme = "file:";

    /// <exception cref="ConfigurationException">The variable is not set, or the file cannot be read.</exception>
    public static string Resolve(string value, Func<string, string?> environment)
    {
        if (value.StartsWith(FileScheme, StringComparison.Ordinal))
        {
            var path = value[FileScheme.Length..];
            try
            {
                return File.ReadAllText(path).TrimEnd('\r', '\n');
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException)
            {
                throw new ConfigurationException($"The file {path} cannot be read: {error.Message}");
            }
        }

        return VariablePattern().Replace(value, match => environment(match.Groups[1].Value)
            ?? throw new ConfigurationException($"The environment variable {match.Groups[1].Value} is not set; set it, or write the value."));
    }

    [GeneratedRegex(@"\$\{([A-Za-z_][A-Za-z0-9_]*)\}", RegexOptions.CultureInvariant)]
    private static partial Regex VariablePattern();
}
