using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using KestrelKv.Cli.Hosting;
using KestrelKv.Cli.Tests.Hosting;
using KestrelKv.Testing;

namespace KestrelKv.Cli.Tests.Transfer;

/// <summary>Backups are verified completely; damaged ones leave no file.</summary>
public sealed class BackupTests(TransferFixture fixture) : IClassFixture<TransferFixture>
{
    [Fact]
    public async Task Backup_IsVerified_AndCanBeRestored()
    {
        using var kkv = new Kkv(fixture.Source);
        TransferFiles.AssertSucceeded(await kkv.RunAsync("import", TransferFiles.WriteNumbered(kkv, "backup:", 3_000)));
        string file = kkv.Directory.PathTo("saved.snapshot");
        KkvResult result = await kkv.RunAsync("backup", file);
        TransferFiles.AssertSucceeded(result);
        Assert.Contains("\"entries\":3000", result.Output, StringComparison.Ordinal);
        Assert.Contains($"\"bytes\":{TransferFiles.LengthOf(file)}", result.Output, StringComparison.Ordinal);

        using var data = new DataDirectory();
        (int exitCode, string output) = await ServerProcess.RunToEndAsync(["restore", file], [], data);
        Assert.True(exitCode == 0, output);
        await using ServerProcess restored = await ServerProcess.StartAsync(data: data);
        await using Client.KestrelKvClient client = StoreCopy.Connect(restored);
        TransferFiles.Expected("backup:", 3_000).AssertEquals(await StoreCopy.ReadAsync(client, "backup:"));
    }

    [Theory]
    [InlineData("flip", "damaged_backup")]
    [InlineData("truncate", "damaged_backup")]
    [InlineData("cut", "incomplete_backup")]
    public async Task Backup_ThatIsDamaged_IsRefusedAndDeleted(string damage, string code)
    {
        using var kkv = new Kkv(fixture.Source);
        await kkv.RunAsync("put", "damage", "1");
        string good = kkv.Directory.PathTo("good.snapshot"), file = kkv.Directory.PathTo("bad.snapshot");
        TransferFiles.AssertSucceeded(await kkv.RunAsync("backup", good));
        byte[] bytes = await File.ReadAllBytesAsync(good);
        if (damage == "flip") bytes[bytes.Length / 2] ^= 1;
        if (damage == "truncate") bytes = bytes[..(bytes.Length / 16 * 8)];
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        Task serving = ServeAsync(listener, bytes, damage == "cut" ? bytes.Length + 1 : bytes.Length);
        KkvResult result = await kkv.RunAsync("backup", file, "-o", "json", "--http", $"http://{listener.LocalEndpoint}");
        await serving;
        Assert.Equal(ExitCode.Failed, result.ExitCode);
        Assert.Contains($"\"code\":\"{code}\"", result.Error, StringComparison.Ordinal);
        Assert.False(File.Exists(file) || File.Exists(file + ".part"));
    }

    [Fact]
    public async Task Backup_ToTheFileOfAnotherBackup_IsRefused_AndKeepsIt()
    {
        using var kkv = new Kkv(fixture.Source);
        string file = kkv.Directory.PathTo("shared.snapshot");
        using (var other = new FileStream(file + ".part", FileMode.Create, FileAccess.Write, FileShare.None))
        {
            other.Write("of another backup"u8);
            other.Flush();
            KkvResult result = await kkv.RunAsync("backup", file, "-o", "json");
            Assert.Equal(ExitCode.Failed, result.ExitCode);
            Assert.Contains("\"code\":\"file_in_use\"", result.Error, StringComparison.Ordinal);
        }
        Assert.Equal("of another backup", await File.ReadAllTextAsync(file + ".part"));
    }

    [Fact]
    public async Task Backup_WithoutADataDirectory_ReportsTheReason()
    {
        await using ServerProcess server = await ServerProcess.StartAsync(["Data:Durability=Memory"]);
        using var kkv = new Kkv(server);
        KkvResult result = await kkv.RunAsync("backup");
        Assert.Equal(ExitCode.Failed, result.ExitCode);
        Assert.Contains("no_data_directory", result.Error, StringComparison.Ordinal);
        KkvResult unreachable = await kkv.RunAsync("backup", "--http", "http://127.0.0.1:1");
        Assert.Equal(ExitCode.Unreachable, unreachable.ExitCode);
    }

    private static async Task ServeAsync(TcpListener listener, byte[] body, int length)
    {
        using Socket socket = await listener.AcceptSocketAsync();
        await socket.ReceiveAsync(new byte[4_096]);
        await socket.SendAsync(
            Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n")));
        await socket.SendAsync(body);
        socket.Shutdown(SocketShutdown.Both);
    }
}
