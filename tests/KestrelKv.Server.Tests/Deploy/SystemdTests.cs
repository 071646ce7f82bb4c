using System.Globalization;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;
using KestrelKv.Server.Settings;
using KestrelKv.Testing;
using KestrelKv.Wire;

namespace KestrelKv.Server.Tests.Deploy;

public sealed partial class SystemdTests
{
    private static readonly string Unit = File.ReadAllText(Repository.PathTo("deploy", "kestrelkv.service"));

    private static readonly Dictionary<string, string> Keys =
        Key().Matches(Unit).GroupBy(m => m.Groups[1].Value).ToDictionary(g => g.Key, g => g.First().Groups[2].Value);

    [Theory]
    [InlineData("Type", "notify")]
    [InlineData("ExecStart", "/opt/kestrelkv/KestrelKv.Server")]
    [InlineData("ExecReload", "/bin/kill -HUP $MAINPID")]
    [InlineData("EnvironmentFile", "-/etc/kestrelkv/kestrelkv.env")]
    public void Unit_Key_HasItsValue(string key, string value) => Assert.Equal(value, Keys[key]);

    [Fact]
    public void Unit_Limits_ExceedThoseOfTheServer()
    {
        TimeSpan stop = TimeSpan.Parse(Variable("KestrelKv__StopTimeout"), CultureInfo.InvariantCulture);
        Assert.InRange(stop, new ServerSettings().StopTimeout, TimeSpan.FromMinutes(10));
        Assert.True(TimeSpan.FromSeconds(int.Parse(Keys["TimeoutStopSec"].TrimEnd('s'), CultureInfo.InvariantCulture)) > stop);
        // The duration of a recovery is unbounded.
        Assert.Equal("infinity", Keys["TimeoutStartSec"]);
        Assert.True(int.Parse(Keys["LimitNOFILE"], CultureInfo.InvariantCulture) > new WireOptions().ConnectionsMax);
        // The JIT needs memory that is writable and executable, and notifications use a Unix socket.
        Assert.DoesNotContain("MemoryDenyWriteExecute", Keys.Keys);
        Assert.Contains("AF_UNIX", Keys["RestrictAddressFamilies"], StringComparison.Ordinal);
    }

    [Fact]
    public void Unit_DataDirectory_IsTheOnlyWritableOne()
    {
        Assert.Equal($"%S/{Keys["StateDirectory"]}", Variable("KestrelKv__Data__Directory"));
        Assert.Equal("strict", Keys["ProtectSystem"]);
    }

    [Fact]
    public async Task Unit_VerifiedBySystemd_HasNoWarnings()
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("kestrelkv-unit-");
        try
        {
            // The program is not installed on the test machine.
            string unit = Path.Combine(folder.FullName, "kestrelkv.service");
            await File.WriteAllTextAsync(unit, Unit.Replace(Keys["ExecStart"], "/bin/true", StringComparison.Ordinal));

            // Unknown keys are warnings, with the exit code 0.
            string printed = await Programs.RunAsync("sh", ["-c", $"systemd-analyze verify '{unit}' 2>&1"]);
            Assert.DoesNotContain("kestrelkv", printed, StringComparison.Ordinal);

        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task Unit_ExposureLevel_IsThatOfTheGuide()
    {
        Match stated = ExposureLevel().Match(File.ReadAllText(Repository.PathTo("deploy", "README.md")));
        Assert.True(stated.Success, "deploy/README.md does not state the exposure level");
        int tenths = int.Parse(stated.Groups[1].Value.Replace(".", "", StringComparison.Ordinal), CultureInfo.InvariantCulture);
        DirectoryInfo folder = Directory.CreateTempSubdirectory("kestrelkv-unit-");
        try
        {
            // The path is not that of the repository: systemd-analyze would also read drop-ins beside it.
            string unit = Path.Combine(folder.FullName, "kestrelkv.service");
            await File.WriteAllTextAsync(unit, Unit);

            // Exits with 1 if the level exceeds the threshold. Both are in tenths.
            string[] arguments = ["security", "--offline=true", "--no-pager", FormattableString.Invariant($"--threshold={tenths}"), unit];
            await Programs.RunAsync("systemd-analyze", arguments);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task Server_WithANotifySocket_ReportsReadyAndStopping()
    {
        string path = Path.Combine(Path.GetTempPath(), $"kestrelkv-{Guid.NewGuid():N}.sock");
        using var notifications = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified)
        {
            ReceiveTimeout = (int)Wait.Patience.TotalMilliseconds,
        };
        notifications.Bind(new UnixDomainSocketEndPoint(path));
        try
        {
            await using ServerProcess server = await ServerProcess.StartAsync(
                environment: new Dictionary<string, string> { ["NOTIFY_SOCKET"] = path });
            Assert.Equal("READY=1", Receive(notifications));

            Assert.Equal(0, await server.StopAsync());
            Assert.Equal("STOPPING=1", Receive(notifications));
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static string Variable(string name) =>
        Assert.Single(
            Key().Matches(Unit),
            m => m.Groups[1].Value == "Environment" && m.Groups[2].Value.StartsWith($"{name}=", StringComparison.Ordinal))
            .Groups[2].Value[(name.Length + 1)..];

    private static string Receive(Socket socket)
    {
        byte[] buffer = new byte[1_024];
        return Encoding.UTF8.GetString(buffer, 0, socket.Receive(buffer));
    }

    [GeneratedRegex(@"exposure level (\d\.\d)")]
    private static partial Regex ExposureLevel();

    [GeneratedRegex(@"^([A-Za-z]+)=(.*)$", RegexOptions.Multiline)]
    private static partial Regex Key();
}
