using System.Globalization;
using System.Text.Json.Nodes;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Deploy;

/// <summary>The published program, built as in the Dockerfile, works from any working directory.</summary>
public sealed class PublishTests(BuiltImage image) : IClassFixture<BuiltImage>
{
    [Fact]
    public async Task PublishedServer_StartedFromAnotherDirectory_ReadsItsOwnSettings()
    {
        DirectoryInfo program = image.CopyOfProgram();
        try
        {
            string settings = Path.Combine(program.FullName, "appsettings.json");
            JsonNode json = JsonNode.Parse(await File.ReadAllTextAsync(settings))!;
            json["KestrelKv"]!["Limits"]!["KeyBytesMax"] = 10;
            await File.WriteAllTextAsync(settings, json.ToJsonString());

            await using ServerProcess server = await ServerProcess.StartAsync(dll: Path.Combine(program.FullName, "KestrelKv.Server.dll"));
            using WireClient client = await WireClient.ConnectAsync(server.WirePort);

            Assert.Equal(Frames.PutReply("1234567890"), await client.CallAsync(Frames.Put("1234567890", "1.0")));
            Assert.Equal(Frames.GetReply("1234567890", "1.0"), await client.CallAsync(Frames.Get("1234567890")));
            Assert.Contains("key_too_long", await client.CallAsync(Frames.Get("12345678901")), StringComparison.Ordinal);
            Assert.NotEqual(program.FullName, Environment.CurrentDirectory);
        }
        finally
        {
            program.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task PublishedCommandLine_BesideTheServer_CallsItAndManagesItsUsers()
    {
        await using ServerProcess server = await StartAsync();
        using var data = new DataDirectory();
        string kkv = Path.Combine(image.Folder, "kkv");
        string[] url = ["--url", $"kestrelkv://127.0.0.1:{server.WirePort}"];

        await Programs.RunAsync(kkv, ["put", "a", "1.0", .. url]);
        Assert.Equal("1.0\n", await Programs.RunAsync(kkv, ["get", "a", .. url]));
        string users = $"--KestrelKv:Security:UsersFile={data.PathTo("users.json")}";
        Assert.StartsWith("kkv_", await Programs.RunAsync(kkv, ["user", "add", "app", users]), StringComparison.Ordinal);
    }

    [Fact]
    public async Task PublishedServer_OverHttp_ServesSwaggerUIAndMetrics()
    {
        await using ServerProcess server = await StartAsync();
        using var http = new HttpClient { BaseAddress = server.Admin };

        Assert.Contains("swagger-ui", await http.GetStringAsync(new Uri("swagger/index.html", UriKind.Relative)), StringComparison.Ordinal);
        Assert.Contains(
            "Reads a value", await http.GetStringAsync(new Uri("swagger/v1/swagger.json", UriKind.Relative)), StringComparison.Ordinal);
        Assert.Contains(
            "kestrelkv_wire_connections", await http.GetStringAsync(new Uri("metrics", UriKind.Relative)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task PublishedServer_WithTheVariablesOfTheImage_LogsNoWarning()
    {
        var variables = new Dictionary<string, string> { ["ASPNETCORE_HTTP_PORTS"] = "8080" };
        foreach (string variable in
            Dockerfile.Final.Where(i => i.Name == "ENV").SelectMany(i => i.Arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries)))
            variables[variable.Split('=')[0]] = variable.Split('=')[1];
        Assert.Equal("*", variables["KestrelKv__Admin__Address"]);

        // The image creates this directory, the test machine does not have it.
        Assert.True(variables.Remove("KestrelKv__Data__Directory", out string? data));
        Assert.Contains(Dockerfile.Final, i => i.Name == "VOLUME" && i.Arguments == data);

        await using ServerProcess server = await StartAsync(variables);
        Assert.Equal(0, await server.StopAsync());

        server.AssertNoComplaint();
    }

    [Fact]
    public async Task Health_OfARunningServer_ExitsWith0()
    {
        await using ServerProcess server = await StartAsync();

        foreach (string address in (string[])["127.0.0.1", "localhost", "*"])
            Assert.Matches("200 Healthy\nexit 0$", await HealthAsync(server.Admin.Port, address));
    }

    [Fact]
    public async Task Health_OfAStoppedServer_ExitsWith1()
    {
        await using ServerProcess server = await StartAsync();
        await server.StopAsync();

        Assert.EndsWith("exit 1", await HealthAsync(server.Admin.Port, "127.0.0.1"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Health_OfAHangingServer_ExitsWith1()
    {
        await using ServerProcess server = await StartAsync();
        server.SendSignal("STOP");

        Assert.EndsWith("exit 1", await HealthAsync(server.Admin.Port, "127.0.0.1"), StringComparison.Ordinal);
    }

    private Task<ServerProcess> StartAsync(Dictionary<string, string>? environment = null) =>
        ServerProcess.StartAsync(environment: environment, dll: Path.Combine(image.Folder, "KestrelKv.Server.dll"));

    /// <summary>Runs the Dockerfile's health check in the folder that becomes the image's working directory.</summary>
    private async Task<string> HealthAsync(int port, string address)
    {
        string command = Dockerfile.HealthCommand;
        string script = string.Create(CultureInfo.InvariantCulture,
            $"cd '{image.Folder}'; KestrelKv__Admin__Port={port} KestrelKv__Admin__Address='{address}' {command}; echo exit $?");
        return (await Programs.RunAsync("sh", ["-c", script])).TrimEnd();
    }
}
