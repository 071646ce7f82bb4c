using KestrelKv.Cli.Hosting;
using KestrelKv.Cli.Tests.Hosting;
using KestrelKv.Client;

namespace KestrelKv.Cli.Tests.Transfer;

/// <summary>An export that is imported elsewhere gives the same keys, bytes of values and expiries.</summary>
public sealed class RoundTripTests(TransferFixture fixture) : IClassFixture<TransferFixture>
{
    private const string Prefix = "trip:";

    private static readonly string[] Values =
    [
        "1.0", "1E+2", "12345678901234567890123", "-0", "1e400", """{"d":1,"d":2}""", "\"\\ud800\"", "\"\\u0061\\/\"", "\"é 漢 😀 \u2028\"",
        "[ 1 ,\t2 ]",
        "{\n  \"a\": 1,\r\n  \"b\": \"\\n\\\"\"\n}", "null", "true", "\"\"", "[]", $"{new string('[', 500)}{new string(']', 500)}",
            $"\"{new string('x', 300_000)}\"",
    ];

    [Fact]
    public async Task ExportThenImport_OfAwkwardEntries_KeepsEveryByte()
    {
        await using KestrelKvClient source = StoreCopy.Connect(fixture.Source), target = StoreCopy.Connect(fixture.Target);
        string[] keys = ["a\"b", "a\\b", "a\nb", "\u0001", "é漢😀", new string('k', 4_000), "], \"next\": \"x", "a/b"];
        foreach ((int i, string value) in Values.Index()) await source.PutUtf8Async($"{Prefix}{i}", System.Text.Encoding.UTF8.GetBytes(value));
        foreach (string key in keys) await source.PutUtf8Async(Prefix + key, "{\"key\": 1}"u8.ToArray(), new() { Expiry = Expiry.At(new(2100, 1, 1, 0,
            0, 0, 125, TimeSpan.Zero)) });
        using Kkv from = new(fixture.Source), into = new(fixture.Target);
        string file = from.Directory.PathTo("trip.ndjson");

        KkvResult exported = await from.RunAsync("export", Prefix, "--file", file);
        TransferFiles.AssertSucceeded(exported);
        Assert.Contains($"\"entries\":{Values.Length + keys.Length}", exported.Output, StringComparison.Ordinal);
        Assert.False(File.Exists(file + ".part") || File.Exists(file + ".changes"));
        TransferFiles.AssertSucceeded(await into.RunAsync("import", file));

        StoreCopy copy = await StoreCopy.ReadAsync(target, Prefix);
        (await StoreCopy.ReadAsync(source, Prefix)).AssertEquals(copy);
        foreach ((int i, string value) in Values.Index()) Assert.Equal(value, copy.Entries[$"{Prefix}{i}"].Value);
        StoreCopy.Read(file, out StoreCopy read);
        read.AssertEquals(copy);
    }

    [Fact]
    public async Task Transfers_OfLargeValues_StayBelowTheLimitOfARequest()
    {
        await using KestrelKvClient source = StoreCopy.Connect(fixture.Source), target = StoreCopy.Connect(fixture.Target);
        using Kkv from = new(fixture.Source), into = new(fixture.Target);
        string[] sync = ["sync", "--to", $"kestrelkv://127.0.0.1:{fixture.Target.WirePort}", "large:", "--once"];
        string file = from.Directory.PathTo("large.ndjson");
        await File.WriteAllLinesAsync(file, Enumerable.Range(0, 12)
            .Select(i => $$"""{"key":"large:{{i}}","value":"{{new string('x', i % 3 == 2 ? 15_000_000 : 3_000_000)}}"}"""));
        TransferFiles.AssertSucceeded(await from.RunAsync("import", file));
        TransferFiles.AssertSucceeded(await from.RunAsync("export", "large:", "--file", file));
        TransferFiles.AssertSucceeded(await into.RunAsync("import", file));
        (await StoreCopy.ReadAsync(source, "large:")).AssertEquals(await StoreCopy.ReadAsync(target, "large:"));
        await target.DeleteAsync("large:2");
        TransferFiles.AssertSucceeded(await from.RunAsync(sync));

        Batch batch = source.CreateBatch();
        for (int i = 0; i < 12; i++) batch.Expire($"large:{i}", TimeSpan.FromHours(1));
        await batch.CommitAsync();
        TransferFiles.AssertSucceeded(await from.RunAsync(sync));
        (await StoreCopy.ReadAsync(source, "large:")).AssertEquals(await StoreCopy.ReadAsync(target, "large:"));
    }

    [Fact]
    public async Task Export_ToAPipe_IsImportedFromStandardInput()
    {
        using Kkv from = new(fixture.Source), into = new(fixture.Target);
        await from.RunAsync("put", "pipe:1", "[1.0]", "--ttl", "1000");
        KkvResult exported = await from.RunAsync("export", "pipe:", "--no-expiry");
        Assert.Equal("", exported.Error);
        TransferFiles.AssertSucceeded(await into.RunWithInputAsync(exported.Output, "import", "-"));
        KkvResult result = await into.RunAsync("get", "pipe:1", "-o", "json");
        Assert.Contains("\"value\":[1.0]", result.Output, StringComparison.Ordinal);
        Assert.Contains("\"expires_at\":null", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Export_OnATerminal_DisplaysProgressOnStandardErrorOnly()
    {
        using Kkv kkv = new(fixture.Source);
        TransferFiles.AssertSucceeded(await kkv.RunAsync("import", TransferFiles.WriteNumbered(kkv, "shown:", 20_000)));
        KkvResult result = await kkv.RunInTerminalAsync("", "export", "shown:", "--file", kkv.Directory.PathTo("shown.out"));
        Assert.Equal(ExitCode.Ok, result.ExitCode);
        Assert.Contains("keys/s", result.Output, StringComparison.Ordinal);
        Assert.Contains("Exported 20000 entries", result.Output, StringComparison.Ordinal);
    }
}
