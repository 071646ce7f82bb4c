namespace KestrelKv.Server.Tests.Wire;

/// <summary>Clients in Python. Each script is a set of tests.</summary>
public sealed class PythonClientTests(DefaultServer server) : IClassFixture<DefaultServer>
{
    [Theory]
    [InlineData("replies.py")]
    [InlineData("values.py")]
    [InlineData("streams.py")]
    public async Task Script_RunAgainstTheServer_Succeeds(string script)
    {
        await Python.RunAsync(script, server.WirePort);
        await server.AssertServesAsync();
    }
}
