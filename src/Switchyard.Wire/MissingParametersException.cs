namespace Switchyard.Wire;

/// <summary>An execution of a prepared statement that ends before it says anything of the statement's parameters. Servers before MySQL 8 have an error of their own for it.</summary>
public sealed class MissingParametersException() : MalformedPacketException("An execution ends before the parameters of its statement.");
