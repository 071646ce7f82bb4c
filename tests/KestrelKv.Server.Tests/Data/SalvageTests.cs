using System.Globalization;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Data;

/// <summary>A damaged data directory: the server refuses to start on it, and <c>KestrelKv.Server salvage</c> makes it usable.</summary>
public sealed class SalvageTests
{
    private const int Keys = 50;

    [Fact]
    public async Task Start_OnALogDamagedInTheMiddle_IsRefusedUntilItIsSalvaged()
    {
        using var data = new DataDirectory();
        await using (ServerProcess first = await ServerProcess.StartAsync(["Data:SnapshotOnStop=false"], data: data))
        {
            using WireClient wire = await WireClient.ConnectAsync(first.WirePort);
            for (int i = 0; i < Keys; i++) await wire.CallAsync(Frames.Put($"key {i:00}", $"\"value {i:00}\""));
            Assert.Equal(0, await first.StopAsync());
        }
        string segment = data.PathTo(data.Files.First(file => file.EndsWith(".log", StringComparison.Ordinal)));
        byte[] log = await File.ReadAllBytesAsync(segment);
        int damaged = log.AsSpan().IndexOf("value 30"u8);
        Assert.True(damaged > 0, "the log contains values as plain text");
        log[damaged] ^= 1;
        await File.WriteAllBytesAsync(segment, log);

        (int exitCode, string output) = await ServerProcess.RunToEndAsync([], data);
        Assert.Equal(1, exitCode);
        string line = Assert.Single(output.TrimEnd().Split('\n'), each => each.StartsWith("kestrelkv: ", StringComparison.Ordinal));
        Assert.Contains(Path.GetFileName(segment), line, StringComparison.Ordinal);
        Assert.Contains("salvage", line, StringComparison.Ordinal);
        Assert.Equal(log, await File.ReadAllBytesAsync(segment));

        (exitCode, output) = await ServerProcess.RunToEndAsync(["salvage"], [], data);
        Assert.Equal(0, exitCode);
        Assert.Contains("Recovered 49 keys up to version 50", output, StringComparison.Ordinal);
        Assert.Contains($"{Path.GetFileName(segment)}: ", output, StringComparison.Ordinal);
        Assert.Contains("Commits 31 to 31", output, StringComparison.Ordinal);
        string moved = Assert.Single(Directory.GetDirectories(data.FullPath));
        Assert.Contains(moved, output, StringComparison.Ordinal);
        Assert.Equal(log, await File.ReadAllBytesAsync(Path.Combine(moved, Path.GetFileName(segment))));

        await using ServerProcess second = await ServerProcess.StartAsync(data: data);
        using WireClient reader = await WireClient.ConnectAsync(second.WirePort);
        for (int i = 0; i < Keys; i++)
        {
            string key = string.Create(CultureInfo.InvariantCulture, $"key {i:00}");
            string value = i == 30 ? "null" : $"\"value {i:00}\"";
            Assert.Equal(Frames.GetReply(key, value), await reader.CallAsync(Frames.Get(key)));
        }
    }

    [Fact]
    public async Task Salvage_OfAnUndamagedDirectory_LosesNothing()
    {
        using var data = new DataDirectory();
        string before;
        await using (ServerProcess first = await ServerProcess.StartAsync(data: data))
        {
            await Contents.FillAsync(first, "a", 10);
            before = await Contents.OfAsync(first);
            first.SendSignal("KILL");
            await first.WaitForExitAsync();
        }

        (int exitCode, string output) = await ServerProcess.RunToEndAsync(["salvage"], [], data);
        Assert.Equal(0, exitCode);
        Assert.Contains("No data was lost", output, StringComparison.Ordinal);
        await using ServerProcess second = await ServerProcess.StartAsync(data: data);
        Assert.Equal(before, await Contents.OfAsync(second));
        Assert.InRange(await Contents.VersionAsync(second), 13, long.MaxValue);
    }

    [Fact]
    public async Task Salvage_OfADirectoryWithoutData_Fails()
    {
        using var data = new DataDirectory();
        (int exitCode, string output) = await ServerProcess.RunToEndAsync(["salvage"], [], data);
        Assert.Equal(1, exitCode);
        Assert.StartsWith("kestrelkv: ", Assert.Single(output.TrimEnd().Split('\n')), StringComparison.Ordinal);
        Assert.DoesNotContain(data.Files, file => file != "lock");
    }
}
