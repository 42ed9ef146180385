using Switchyard.Proxy.Tests.Harness;

namespace Switchyard.Conformance.Tests.Harness;

/// <summary>A program of ours under <c>Clients</c> that drives a real client.</summary>
/// <param name="Name">What tests call it.</param>
/// <param name="Command">The words before HOST PORT USER PASSWORD SCHEMA PHASE….</param>
internal sealed record ClientProgram(string Name, params string[] Command)
{
    public static IReadOnlyList<ClientProgram> All { get; } =
    [
        new("PyMySQL", "/usr/bin/python3", "dbapi.py", "pymysql"),
        new("mysqlclient", "/usr/bin/python3", "dbapi.py", "MySQLdb"),
        new("mysql2", "node", "mysql2.js"),
        new("mariadb", "node", "mariadb.js"),
        new("mysqli", "php", "-d", "mysqli.allow_local_infile=1", "mysqli.php"),
        new("PDO", "php", "pdo.php"),
        new("Connector/J", "java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", "/usr/share/java/mariadb-java-client.jar", "ConnectorJ.java"),
        new("DBD::MariaDB", "perl", "dbd.pl"),
    ];

    public static ClientProgram Named(string name) => All.Single(program => program.Name == name);

    public Task<ProgramResult> RunAsync(int port, string schema, IReadOnlyDictionary<string, string>? environment = null, params string[] phases) => ProgramRun.RunAsync(
        [.. Command, "127.0.0.1", port.ToString(), ProxyHarness.AppUser, ProxyHarness.AppPassword, schema, .. phases], environment: environment);
}
