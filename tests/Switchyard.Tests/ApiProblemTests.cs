using Switchyard.Api;
using Switchyard.Client;

namespace Switchyard.Tests;

public sealed class ApiProblemTests
{
    [Fact]
    public void A_server_that_cannot_be_reached_is_nobodys_unexpected_error()
    {
        var problem = ApiProblem.From(new BackendUnavailableException(UnavailableReason.TimedOut, "10.0.0.1:3306 did not complete a login within 10 s."));

        Assert.Equal((503, "backend_unavailable", 1), (problem.Status, problem.Extensions["code"], problem.Extensions["exit_code"]));
        Assert.Contains("10.0.0.1:3306 did not complete a login", problem.Detail, StringComparison.Ordinal);
    }
}
