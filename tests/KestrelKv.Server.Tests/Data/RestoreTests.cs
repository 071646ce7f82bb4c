using System.Security.Cryptography;
using System.Text.Json;
using KestrelKv.Server.Tests.Admin;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Data;

/// <summary><c>KestrelKv.Server restore FILE</c>, with backups fetched by curl.</summary>
public sealed class RestoreTests : IDisposable
{
    private readonly DataDirectory _backups = new();

    public void Dispose() => _backups.Dispose();

    [Fact]
    public async Task Restore_IntoAMissingDirectory_HasTheDataOfTheBackup()
    {
        (string backup, string contents, long version) = await BackUpAsync("a");
        using var parent = new DataDirectory();
        string target = parent.PathTo("new");
        (int exitCode, string output) = await ServerProcess.RunToEndAsync(["restore", backup], [$"Data:Directory={target}"], null);
        Assert.Equal(0, exitCode);
        Assert.Contains($"{version}", Assert.Single(output.TrimEnd().Split('\n')), StringComparison.Ordinal);

        await using ServerProcess server = await ServerProcess.StartAsync([$"Data:Directory={target}"]);
        Assert.Equal(contents, await Contents.OfAsync(server));
        Assert.InRange(await Contents.VersionAsync(server), version + 1, long.MaxValue);
        server.AssertNoComplaint();
    }

    [Fact]
    public async Task Restore_IntoADirectoryWithData_ReplacesItAndKeepsTheOldFiles()
    {
        (string backup, string contents, long version) = await BackUpAsync("a");
        using var data = new DataDirectory();
        string other = await FillAsync(data, "other");
        string[] files = data.Files;

        (int exitCode, string output) = await ServerProcess.RunToEndAsync(["restore", backup], [], data);
        Assert.Equal(0, exitCode);
        await using (ServerProcess server = await ServerProcess.StartAsync(data: data))
        {
            Assert.Equal(contents, await Contents.OfAsync(server));

            // Data written after the restore is durable too.
            long start = await Contents.VersionAsync(server);
            Assert.InRange(start, version + 1, long.MaxValue);
            await Contents.FillAsync(server, "later", 3);
            Assert.Equal(start + 5, await Contents.VersionAsync(server));
            contents = await Contents.OfAsync(server);
            server.SendSignal("KILL");
            await server.WaitForExitAsync();
        }
        await using (ServerProcess server = await ServerProcess.StartAsync(data: data))
        {
            Assert.Equal(contents, await Contents.OfAsync(server));
            Assert.Equal(0, await server.StopAsync());
            server.AssertNoComplaint();
        }

        // The previous files still form a valid data directory.
        string moved = Assert.Single(Directory.GetDirectories(data.FullPath));
        Assert.Contains(moved, output, StringComparison.Ordinal);
        Assert.Equal(
            files.Where(file => file != "lock"),
            Directory.GetFiles(moved).Select(file => Path.GetFileName(file)).Order(StringComparer.Ordinal));
        await using ServerProcess old = await ServerProcess.StartAsync([$"Data:Directory={moved}"]);
        Assert.Equal(other, await Contents.OfAsync(old));
    }

    /// <summary>Entity tags, versions and watch positions that clients kept from before the restore must not match afterwards.</summary>
    [Fact]
    public async Task Restore_VersionsFromBefore_MatchNothingAfterwards()
    {
        using var data = new DataDirectory();
        string backup, tag;
        long lost;
        await using (ServerProcess before = await ServerProcess.StartAsync(data: data))
        {
            await before.CallAsync("PUT", "/v1/keys/k", "\"A\"");
            backup = await FetchAsync(before);
            tag = (await before.CallAsync("PUT", "/v1/keys/k", "\"B\"")).ETag!;
            lost = await Contents.VersionAsync(before);
            Assert.Equal(0, await before.StopAsync());
        }
        Assert.Equal(0, (await ServerProcess.RunToEndAsync(["restore", backup], [], data)).ExitCode);

        await using ServerProcess server = await ServerProcess.StartAsync(data: data);
        await server.CallAsync("PUT", "/v1/keys/k", "\"C\"");
        Assert.Equal(200, (await server.CallAsync("GET", "/v1/keys/k", null, $"If-None-Match: {tag}")).Status);
        Assert.Equal(412, (await server.CallAsync("PUT", "/v1/keys/k", "\"from B\"", $"If-Match: {tag}")).Status);
        (await server.CallAsync("GET", "/v1/watch?values=true", null, $"Last-Event-ID: {lost}")).AssertProblem(410, "compacted");
        (await server.CallAsync("GET", $"/v1/watch?from_version={lost}")).AssertProblem(410, "compacted");

        using WireClient wire = await WireClient.ConnectAsync(server.WirePort);
        string swapped = await wire.CallAsync($"{{\"func\": \"PUT\", \"params\": {{\"obj\": \"k\", \"val\": 1, \"if_version\": {lost}}}}}");
        Assert.Contains("\"code\": \"precondition_failed\"", swapped, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Restore_OfADamagedBackup_IsRefusedAndChangesNothing()
    {
        (string backup, _, _) = await BackUpAsync("a");
        byte[] good = await File.ReadAllBytesAsync(backup);
        using var data = new DataDirectory();
        string contents = await FillAsync(data, "kept");
        Dictionary<string, string> files = Digests(data);

        List<(string What, byte[]? Bytes)> damaged =
        [
            ("missing", null), ("empty", []), ("not a backup", "{\"a\": 1}"u8.ToArray()), ("zeros", new byte[good.Length]),
            ("truncated to half", good[..(good.Length / 2)]), ("truncated by one byte", good[..^1]), ("too long", [.. good, 0]),
            .. new[] { 0, 9, good.Length / 3, good.Length / 2, good.Length - 1 }.Select(
                at => ($"a bit flipped at {at}", (byte[]?)Flipped(good, at))),
        ];
        foreach ((string what, byte[]? bytes) in damaged)
        {
            string file = _backups.PathTo("damaged.snapshot");
            File.Delete(file);
            if (bytes is not null) await File.WriteAllBytesAsync(file, bytes);

            (int exitCode, string output) = await ServerProcess.RunToEndAsync(["restore", file], [], data);
            string line = Assert.Single(output.TrimEnd().Split('\n'));
            Assert.True(exitCode == 1, $"{what}: {line}");
            Assert.StartsWith("kestrelkv: ", line, StringComparison.Ordinal);
            Assert.Contains(file, line, StringComparison.Ordinal);
            Assert.Equal(files, Digests(data));
        }
        await using ServerProcess server = await ServerProcess.StartAsync(data: data);
        Assert.Equal(contents, await Contents.OfAsync(server));
    }

    [Theory]
    [InlineData("restore")]
    [InlineData("salvage")]
    public async Task Command_WhileAServerRuns_IsRefusedWithItsProcessId(string command)
    {
        (string backup, _, _) = await BackUpAsync("a");
        using var data = new DataDirectory();
        await using ServerProcess server = await ServerProcess.StartAsync(data: data);
        await Contents.FillAsync(server, "kept", 3);
        string contents = await Contents.OfAsync(server);

        (int exitCode, string output) = await ServerProcess.RunToEndAsync(command == "restore" ? [command, backup] : [command], [], data);
        Assert.Equal(1, exitCode);
        Assert.Contains($"process {server.Id}", Assert.Single(output.TrimEnd().Split('\n')), StringComparison.Ordinal);
        Assert.Equal(contents, await Contents.OfAsync(server));
        await Contents.FillAsync(server, "more", 3);
        server.AssertNoComplaint();
    }

    [Fact]
    public async Task Restore_OfABackupTakenUnderLoad_IsAPrefixOfEachClientsWrites()
    {
        const int Clients = 8;
        const int Keys = 50;
        await using ServerProcess server = await ServerProcess.StartAsync();
        using var done = new CancellationTokenSource();
        Task[] clients = [.. Enumerable.Range(0, Clients).Select(client => Task.Run(async () =>
        {
            using WireClient wire = await WireClient.ConnectAsync(server.WirePort);
            for (int i = 0; !done.IsCancellationRequested; i++) await wire.CallAsync(Frames.Put($"c{client} k{i % Keys}", $"{i}"));
        }))];
        await Wait.UntilAsync(async () => await Contents.VersionAsync(server) > 2_000, () => "no writes");
        string backup = await FetchAsync(server);
        await done.CancelAsync();
        await Task.WhenAll(clients);

        using var data = new DataDirectory();
        Assert.Equal(0, (await ServerProcess.RunToEndAsync(["restore", backup], [], data)).ExitCode);
        await using ServerProcess restored = await ServerProcess.StartAsync(data: data);
        using WireClient reader = await WireClient.ConnectAsync(restored.WirePort);
        for (int client = 0; client < Clients; client++)
        {
            List<int> values = [];
            for (int key = 0; key < Keys; key++)
            {
                using JsonDocument reply = JsonDocument.Parse(await reader.CallAsync(Frames.Get($"c{client} k{key}")));
                values.Add(reply.RootElement.GetProperty("response").GetProperty("response").GetProperty("val").GetInt32());
            }

            // The values are consecutive: the last ones that the client wrote, and none after them.
            Assert.Equal(Enumerable.Range(values.Max() - Keys + 1, Keys), values.Order());
        }
    }

    /// <summary>Starts a server with some data, and returns its backup.</summary>
    private async Task<(string File, string Contents, long Version)> BackUpAsync(string prefix)
    {
        await using ServerProcess server = await ServerProcess.StartAsync();
        await Contents.FillAsync(server, prefix, 30);
        return (await FetchAsync(server), await Contents.OfAsync(server), await Contents.VersionAsync(server));
    }

    private async Task<string> FetchAsync(ServerProcess server)
    {
        string script = $"cd '{_backups.FullPath}' && rm -f *.snapshot && curl -sfOJ {server.Admin}v1/admin/backup && ls *.snapshot";
        return _backups.PathTo((await Programs.RunAsync("bash", ["-c", script])).Trim());
    }

    private static async Task<string> FillAsync(DataDirectory data, string prefix)
    {
        await using ServerProcess server = await ServerProcess.StartAsync(data: data);
        await Contents.FillAsync(server, prefix, 10);
        string contents = await Contents.OfAsync(server);
        Assert.Equal(0, await server.StopAsync());
        return contents;
    }

    /// <summary>Returns a hash of each file except the lock file.</summary>
    private static Dictionary<string, string> Digests(DataDirectory data) => data.Files.Where(file => file != "lock")
        .ToDictionary(file => file, file => Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(data.PathTo(file)))));

    private static byte[] Flipped(byte[] bytes, int at)
    {
        byte[] flipped = [.. bytes];
        flipped[at] ^= 0x10;
        return flipped;
    }
}
