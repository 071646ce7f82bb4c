using KestrelKv.Server.Tests.Admin;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Lifecycle;

/// <summary>The program runs without files that images and administrators often omit.</summary>
public sealed class StrippedProgramTests
{
    [Fact]
    public async Task Swagger_WithoutDocumentationFiles_IsServed()
    {
        using var program = new ProgramCopy(
            file => !file.EndsWith(".xml", StringComparison.Ordinal) && !file.EndsWith(".pdb", StringComparison.Ordinal));
        await using ServerProcess server = await ServerProcess.StartAsync(dll: program.Dll);
        using var http = new HttpClient { BaseAddress = server.Admin };
        Assert.Contains(
            "/v1/keys", await http.GetStringAsync(new Uri("swagger/v1/swagger.json", UriKind.Relative)), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{\"KestrelKv\": {\"Wire\": {\"WatchesMax\": 50}}}")]
    [InlineData(null)]
    public async Task Log_WithoutSerilogSettings_HasNoLineForARequest(string? settings)
    {
        using var program = new ProgramCopy(file => file != "appsettings.json");
        if (settings is not null) await File.WriteAllTextAsync(program.PathTo("appsettings.json"), settings);
        await using ServerProcess server = await ServerProcess.StartAsync(dll: program.Dll);
        await server.CallAsync("PUT", "/v1/keys/secret", "1");
        Assert.Equal(0, await server.StopAsync());
        Assert.DoesNotContain("secret", server.Log, StringComparison.Ordinal);
        Assert.EndsWith("INF Stopped\n", server.Log, StringComparison.Ordinal);
    }
}
