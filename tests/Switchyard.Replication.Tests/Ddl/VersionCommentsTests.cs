using Switchyard.Client;
using Switchyard.Replication.Ddl;
using Switchyard.Wire;

namespace Switchyard.Replication.Tests.Ddl;

public sealed class VersionCommentsTests
{
    private static readonly ServerInfo s_old = Server(ServerVendor.MySql, 5, 6, 24);
    private static readonly ServerInfo s_new = Server(ServerVendor.MySql, 9, 7, 4);
    private static readonly ServerInfo s_mariaDb = Server(ServerVendor.MariaDb, 10, 11, 18);

    [Theory]
    [InlineData("/*!40000 ALTER TABLE t DISABLE KEYS */", null, null)]
    [InlineData("ALTER TABLE t ADD c INT /*!50700 , ADD d INT */", "/*!50700", "/*!50700")]
    [InlineData("ALTER TABLE t ADD c INT /*M!100100 , ADD d INT */", null, "/*M!100100")]
    [InlineData("ALTER TABLE t ADD c INT /*M! , ADD d INT */", null, "/*M!")]
    [InlineData("ALTER TABLE t ADD c INT /*!99999 , ADD d INT */", null, null)]
    [InlineData("ALTER TABLE t /* ! 80000 */ ADD c INT /*! , ADD d INT */", null, null)]
    public void A_comment_that_only_one_server_reads_is_found(string sql, string? newToOld, string? newToMariaDb)
    {
        Assert.Equal(newToOld, VersionComments.FindApart(sql, s_new, s_old));
        Assert.Equal(newToMariaDb, VersionComments.FindApart(sql, s_new, s_mariaDb));
        Assert.Equal(newToMariaDb, VersionComments.FindApart(sql, s_mariaDb, s_new));
    }

    private static ServerInfo Server(ServerVendor vendor, int major, int minor, int build) => new(vendor, new Version(major, minor, build), "", 1, default(Capabilities));
}
