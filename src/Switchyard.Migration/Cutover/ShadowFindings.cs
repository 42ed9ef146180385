using Switchyard.Topology;

namespace Switchyard.Migration;

/// <summary>What shadow reads have to say about a switch.</summary>
internal static class ShadowFindings
{
    private const int Named = 20;

    /// <summary>
    /// A statement the target answers with an error breaks the application, so it bars the switch while the reads are being compared; one that answers
    /// otherwise may be what the operator expects.
    /// </summary>
    public static IEnumerable<Finding> Find(MigrationRecord record, ReadFindings? found)
    {
        if (record.Authoritative != Side.Source || found?.Shadow is not { Compared: > 0 } counts)
        {
            yield break;
        }

        if (counts.Different == 0)
        {
            yield return Finding.Info("shadow_reads", ValidationStatus.Sentence(counts) + ".");
            yield break;
        }

        var target = record.Backend(Side.Target);
        foreach (var shape in counts.Shapes.Where(shape => shape.Different > 0).Take(Named))
        {
            var sample = shape.Samples[0];
            var isError = shape.Samples.Any(each => each.Kind == "error");
            var what = $"'{target}' answered {shape.Different:N0} of {shape.Compared:N0} reads differently ({sample.Kind}; {sample.Detail}): {shape.Shape}";
            yield return isError && record.Reads is { Shadow: > 0 }
                ? Finding.Error("shadow_error", what, $"Change the statement or '{target}', then count anew: `switchyard migration validate {record.Name} --off`, and on again. Off alone lets the switch go on with a warning.")
                : Finding.Warning("shadow_differs", what, $"Look at it with `switchyard migration validate {record.Name} --show`, and switch only if the application can live with it.");
        }

        if (counts.DifferentShapeCount > Named)
        {
            yield return Finding.Warning("shadow_differs", $"{counts.DifferentShapeCount - Named} more shapes are answered differently.", $"`switchyard migration validate {record.Name} --show` lists them.");
        }
    }
}
