using System.Globalization;
using System.Net;
using System.Net.Sockets;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Lifecycle;

/// <summary>A failed start reports the reason in one line, without a stack trace, and exits with 1.</summary>
public sealed class StartFailureTests
{
    [Theory]
    [InlineData("Serilog__MinimumLevel__Default", "Verbos", "Verbos")]
    [InlineData("Kestrel__Endpoints__Other__Url", "http://127.0.0.1:0", "the section Kestrel is not supported")]
    [InlineData("OTEL_EXPORTER_OTLP_ENDPOINT", "localhost", "the setting OTEL_EXPORTER_OTLP_ENDPOINT is localhost, expected a URL")]
    [InlineData(
        "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "nonsense", "the setting OTEL_EXPORTER_OTLP_METRICS_ENDPOINT is nonsense, expected a URL")]
    [InlineData("OTEL_EXPORTER_OTLP_PROTOCOL", "http", "the setting OTEL_EXPORTER_OTLP_PROTOCOL is http, expected grpc or http/protobuf")]
    [InlineData("OTEL_EXPORTER_OTLP_TIMEOUT", "5s", "the setting OTEL_EXPORTER_OTLP_TIMEOUT is 5s, expected an integer, 1 or more")]
    [InlineData("OTEL_BSP_SCHEDULE_DELAY", "0", "the setting OTEL_BSP_SCHEDULE_DELAY is 0, expected an integer, 1 or more")]
    [InlineData("OTEL_TRACES_EXPORTER", "jaeger", "the setting OTEL_TRACES_EXPORTER is jaeger, expected otlp or none")]
    [InlineData("OTEL_TRACES_SAMPLER", "parentbased", "the setting OTEL_TRACES_SAMPLER is parentbased, expected one of always_on, ")]
    [InlineData("OTEL_TRACES_SAMPLER_ARG", "10%", "the setting OTEL_TRACES_SAMPLER_ARG is 10%, expected a number from 0 to 1")]
    [InlineData("OTEL_RESOURCE_ATTRIBUTES", "production", "the setting OTEL_RESOURCE_ATTRIBUTES is production, expected NAME=VALUE")]
    [InlineData("KestrelKv__Wire__Address", "fe80::1", "cannot listen on [fe80::1]:0: ")]
    [InlineData("KestrelKv__Admin__Address", "fe80::1", "cannot listen on [fe80::1]:0: ")]
    [InlineData("KestrelKv__Wire__Address", "192.0.2.1", "change KestrelKv:Wire:Address or KestrelKv:Wire:Port")]
    [InlineData("KestrelKv__Admin__Address", "192.0.2.1", "change KestrelKv:Admin:Address or KestrelKv:Admin:Port")]
    [InlineData("KestrelKv__Data__Directory", "/dev/null/data", "/dev/null/data")]
    public async Task Start_WithAnInvalidEnvironment_ReportsItInOneLine(string variable, string value, string expected)
    {
        (int exitCode, string output) = await RunAsync(new() { [variable] = value });
        AssertOneLine(exitCode, output, expected);
    }

    [Theory]
    [InlineData("Wire")]
    [InlineData("Admin")]
    public async Task Start_OnAPortInUse_ReportsThePortAndTheSettings(string door)
    {
        using var taken = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        taken.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        taken.Listen();
        (int exitCode, string output) = await RunAsync(new()
        {
            [$"KestrelKv__{door}__Address"] = "127.0.0.1",
            [$"KestrelKv__{door}__Port"] = ((IPEndPoint)taken.LocalEndPoint!).Port.ToString(CultureInfo.InvariantCulture),
        });
        AssertOneLine(exitCode, output, $"cannot listen on {taken.LocalEndPoint}: address already in use; ");
        Assert.Contains($"change KestrelKv:{door}:Address or KestrelKv:{door}:Port", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{\n  \"KestrelKv\": {\n    \"Wire\": }\n}", "appsettings.json'. Line 3: ")]
    [InlineData("{\"KestrelKv\": {\"Wire\": {\"Port\": 1, \"port\": 2}}}", "duplicate key")]
    public async Task Start_WithAMalformedSettingsFile_ReportsFileAndReason(string json, string expected)
    {
        using var program = new ProgramCopy(_ => true);
        await File.WriteAllTextAsync(program.PathTo("appsettings.json"), json);
        (int exitCode, string output) = await RunAsync([], program.Dll);
        AssertOneLine(exitCode, output, expected);
        Assert.Contains(program.PathTo("appsettings.json"), output, StringComparison.Ordinal);
    }

    /// <summary>
    /// The limit of inotify instances per user is low. A program that watches its settings would not start after they are used up.
    /// </summary>
    [Fact]
    public async Task Start_OfAServer_TakesNoInotifyInstance()
    {
        if (!OperatingSystem.IsLinux()) return;
        await using ServerProcess server = await ServerProcess.StartAsync();
        Assert.DoesNotContain("anon_inode:inotify", Directory.GetFiles($"/proc/{server.Id}/fd").Select(LinkTarget));
    }

    private static string? LinkTarget(string file)
    {
        try
        {
            return new FileInfo(file).LinkTarget;
        }
        catch (IOException)
        {
            // The file was closed in the meantime.
            return null;
        }
    }

    private static void AssertOneLine(int exitCode, string output, string expected)
    {
        Assert.Equal(1, exitCode);
        string line = Assert.Single(output.TrimEnd().Split('\n'));
        Assert.StartsWith("kestrelkv: ", line, StringComparison.Ordinal);
        Assert.Contains(expected, line, StringComparison.Ordinal);
    }

    private static Task<(int ExitCode, string Output)> RunAsync(Dictionary<string, string> environment, string? dll = null) =>
        ServerProcess.RunToEndAsync([], [], null, environment, dll);
}
