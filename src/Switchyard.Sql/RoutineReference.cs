namespace Switchyard.Sql;

/// <summary>A stored routine a statement names, or a function that is not known to be built in.</summary>
/// <param name="Schema">As written; null for the session's current one. On MariaDB it may be the name of a package in that one instead.</param>
/// <param name="Name">As written, quotes removed; servers compare it without regard to case.</param>
/// <param name="IsProcedure">Named by CALL.</param>
public readonly record struct RoutineReference(string? Schema, string Name, bool IsProcedure)
{
    /// <summary>A routine of a package of MariaDB's, named with the schema that has the package.</summary>
    public static RoutineReference OfPackage(string schema, string package, string name, bool isProcedure) => new(schema, $"{package}.{name}", isProcedure) { IsOfPackage = true };

    /// <summary>Its name is that of a package, a dot, and its own.</summary>
    public bool IsOfPackage { get; private init; }

    /// <inheritdoc/>
    public override string ToString() => Schema is null ? Name : $"{Schema}.{Name}";
}
