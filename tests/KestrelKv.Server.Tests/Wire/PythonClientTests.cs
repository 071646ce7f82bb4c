namespace KestrelKv.Server.Tests.Wire;

/// <summary>What clients in Python see: each script is a set of tests of its own.</summary>
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
