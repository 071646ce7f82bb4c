using System.Globalization;
using System.Reflection;
using KestrelKv.Server.Settings;
using KestrelKv.Testing;
using Microsoft.Extensions.Configuration;

namespace KestrelKv.Server.Tests.Lifecycle;

/// <summary>A server with an invalid setting does not start, and reports the setting and what is expected.</summary>
public sealed class SettingsTests
{
    /// <summary>The setting, a value below or outside its range, one above it if there is any, and the range in the message.</summary>
    private static readonly (string Name, string Low, string? High, string Expected)[] OutOfRange =
    [
        ("Wire:Address", "here", "1.2.3.4.5", "*, localhost or an IP address"),
        ("Wire:Port", "-1", "65536", "0 to 65535"),
        ("Wire:ConnectionsMax", "0", "1000001", "1 to 1000000"),
        ("Wire:IdleTimeout", "00:00:00.5", "30.00:00:01", "00:00:01 to 30.00:00:00, or 0 to disable"),
        ("Wire:WriteTimeout", "00:00:00", "01:00:01", "00:00:01 to 01:00:00"),
        ("Wire:BatchRequestsMax", "0", "4097", "1 to 4096"),
        ("Wire:ReplyBytesMax", "4095", "16777217", "4096 to 16777216"),
        ("Wire:ReplyBytesTotalMax", "16777215", null, "16777216 or more"),
        ("Wire:RequestBytesTotalMax", "16777215", null, "16777216 or more"),
        ("Wire:WatchesMax", "0", "10001", "1 to 10000"),
        ("Wire:TlsPort", "-1", "65536", "0 to 65535"),
        ("Wire:AuthTimeout", "00:00:00.9", "01:00:01", "00:00:01 to 01:00:00"),
        ("Wire:UnauthenticatedMax", "0", "1000001", "1 to 1000000"),
        ("Wire:Tls:HandshakeTimeout", "00:00:00.09", "00:01:01", "00:00:00.1000000 to 00:01:00"),
        ("Wire:Tls:MinimumVersion", "-1", "2", "Tls12 or Tls13"),
        ("Wire:Tls:ClientCertificates", "-1", "3", "None, Allow or Require"),
        ("Admin:Tls:HandshakeTimeout", "00:00:00.09", "00:01:01", "00:00:00.1000000 to 00:01:00"),
        ("Admin:Tls:MinimumVersion", "-1", "2", "Tls12 or Tls13"),
        ("Admin:Tls:ClientCertificates", "-1", "3", "None, Allow or Require"),
        ("Admin:Address", "", "everywhere", "*, localhost or an IP address"),
        ("Admin:Port", "-1", "65536", "0 to 65535"),
        ("Admin:AllowedHosts", "a:1", "*;b/c", "host names without ports, separated by ;, or *"),
        ("Admin:WatchesMax", "0", "10001", "1 to 10000"),
        ("Store:Engine", "-1", "2", "Embedded or Postgres"),
        ("Store:MemoryBytesMax", "1048575", null, "1048576 or more, or 0 to disable"),
        ("Store:Eviction", "-1", "2", "None or Lru"),
        ("Store:RequestIdWindow", "00:00:00.9", "7.00:00:01", "00:00:01 to 7.00:00:00"),
        ("Store:RequestIdBytesMax", "1048575", null, "1048576 or more"),
        ("Store:FeedMemoryBytes", "1048575", "17179869185", "1048576 to 17179869184"),
        ("Store:Postgres:Schema", "", "pg_store", "1 to 40 lower-case letters, digits and underscores, not beginning with a digit or pg_"),
        ("Store:Postgres:SessionsMax", "3", "101", "4 to 100"),
        ("Store:Postgres:ConnectTimeout", "00:00:00.9", "00:01:01", "00:00:01 to 00:01:00"),
        ("Store:Postgres:RequestTimeout", "00:00:00.9", "00:10:01", "00:00:01 to 00:10:00"),
        ("Store:Postgres:ResolveTimeout", "00:00:00.9", "01:00:01", "00:00:01 to 01:00:00"),
        ("Store:Postgres:FeedRetention", "00:00:59", "365.00:00:01", "00:01:00 to 365.00:00:00"),
        ("Data:Durability", "-1", "4", "Always, EverySec, None or Memory"),
        ("Data:Directory", "", " ", "a directory, or Data:Durability Memory"),
        ("Data:SegmentBytes", "1048575", "1073741825", "1048576 to 1073741824"),
        ("Data:SnapshotLogBytes", "1048575", null, "1048576 or more"),
        ("Data:SnapshotInterval", "00:00:59", "365.00:00:01", "00:01:00 to 365.00:00:00, or 0 to disable"),
        ("Data:HistoryBytes", "-1", null, "0 or more"),
        ("Data:HistoryTime", "00:00:59", "365.00:00:01", "00:01:00 to 365.00:00:00, or 0 to disable"),
        ("Limits:KeyBytesMax", "0", "65537", "1 to 65536"),
        ("Limits:JsonDepthMax", "511", "100001", "512 to 100000"),
        ("Limits:ReadBytesMax", "1048575", "1073741825", "1048576 to 1073741824"),
        ("StopTimeout", "-00:00:01", "00:10:01", "00:00:00 to 00:10:00"),
        ("LogFormat", "2", "-1", "Text or Json"),
    ];

    /// <summary>Settings without a range, or with a range that depends on others.</summary>
    private static readonly string[] Others =
    [
        "Wire:ProtectedMode", "Wire:Plaintext", "Wire:Tls:Certificate", "Wire:Tls:Key", "Wire:Tls:ClientAuthority", "Admin:Tls:Certificate",
        "Admin:Tls:Key", "Admin:Tls:ClientAuthority", "Admin:BasicAuthentication", "Admin:Oidc:Authority", "Admin:Oidc:Audience",
        "Admin:Oidc:RolesClaim", "Admin:Oidc:RequireHttps", "Security:UsersFile", "Security:AllowPlaintext", "Security:AuditKeys",
        "Data:SnapshotOnStop", "Limits:FrameBytesMax", "Store:Postgres:ConnectionString", "Store:Postgres:SynchronousStandby",
    ];

    [Fact]
    public void Table_OfOutOfRangeValues_HasEverySetting() =>
        Assert.Equal(
            Names(typeof(ServerSettings), "").Order(StringComparer.Ordinal),
            OutOfRange.Select(row => row.Name).Concat(Others).Order(StringComparer.Ordinal));

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Start_WithEverySettingOutOfRange_ReportsEachWithItsRange(bool high)
    {
        var rows = OutOfRange.Where(row => !high || row.High is not null)
            .Select(row => (row.Name, Value: high ? row.High! : row.Low, row.Expected)).ToList();
        (int exitCode, string output) = await ServerProcess.RunToEndAsync(rows.Select(row => $"{row.Name}={row.Value}"));
        Assert.Equal(1, exitCode);
        string[] lines = output.TrimEnd().Split('\n');
        Assert.Equal(rows.Count, lines.Length);
        foreach (var row in rows)
            Assert.Contains(lines, line => line.Contains($"the setting KestrelKv:{row.Name} is ", StringComparison.Ordinal) &&
                line.EndsWith($", expected {row.Expected}", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("Wire:Port=65536", "the setting KestrelKv:Wire:Port is 65536, expected 0 to 65535")]
    [InlineData(
        "Store:Eviction=lru", "the setting KestrelKv:Store:MemoryBytesMax is 0, expected 1048576 or more, because Store:Eviction is Lru")]
    [InlineData("Limits:FrameBytesMax=5119", "the setting KestrelKv:Limits:FrameBytesMax is 5119, expected 5120 to 1073741824")]
    [InlineData("Limits:FrameBytesMax=1073741825", "the setting KestrelKv:Limits:FrameBytesMax is 1073741825, expected 5120 to 1073741824")]
    public void Read_OfASettingOutOfRange_ReportsItInOneLine(string setting, string expected) => Assert.Equal(expected, Refusal(setting));

    /// <summary>The settings of the embedded engine have no effect on the other one.</summary>
    [Theory]
    [InlineData("Store:Postgres:ConnectionString=", "the setting KestrelKv:Store:Postgres:ConnectionString is invalid. The connection string of PostgreSQL is invalid: Host is missing.")]
    [InlineData("Store:Postgres:ConnectionString=Hots=a;Password=hidden", "the setting KestrelKv:Store:Postgres:ConnectionString is invalid. The connection string ")]
    [InlineData("Store:Postgres:ConnectionString=Host=a,b:99999;Password=hidden", "the setting KestrelKv:Store:Postgres:ConnectionString is invalid. The connection string has the host b:99999")]
    [InlineData("Store:Postgres:ConnectionString=hidden", "the setting KestrelKv:Store:Postgres:ConnectionString is invalid. The connection string ")]
    [InlineData("Store:MemoryBytesMax=2000000", "the setting KestrelKv:Store:MemoryBytesMax is 2000000, expected the default 0, because it has no effect with")]
    [InlineData("Data:HistoryBytes=1", "the setting KestrelKv:Data:HistoryBytes is 1, expected the default 268435456, because it has no effect with")]
    [InlineData("Data:Durability=Memory", "the setting KestrelKv:Data:Durability is Memory, expected the default Always, because it has no effect with")]
    [InlineData("Limits:KeyBytesMax=2049", "the setting KestrelKv:Limits:KeyBytesMax is 2049, expected 1 to 2048")]
    [InlineData("Limits:FrameBytesMax=134217729", "the setting KestrelKv:Limits:FrameBytesMax is 134217729, expected 3072 to 134217728")]
    public void Read_OfASettingThatDoesNotFitPostgres_ReportsIt(string setting, string expected)
    {
        string line = Assert.Single(Refusal("Store:Engine=Postgres", "Store:Postgres:ConnectionString=Host=a", setting).Split('\n'));
        Assert.StartsWith(expected, line, StringComparison.Ordinal);
        Assert.DoesNotContain("hidden", line, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_OfPostgres_LowersTheDefaultKeyLimit()
    {
        IConfiguration configuration = new ConfigurationBuilder().AddJsonFile(Documents.SettingsFile.FilePath)
            .AddInMemoryCollection([new("KestrelKv:Store:Engine", "Postgres"), new("KestrelKv:Store:Postgres:ConnectionString", "Host=a")]).Build();
        Assert.Equal(2_048, ServerSettings.Read(configuration).Limits.KeyBytesMax);
    }

    [Theory]
    [InlineData("Wire:Port=many", "KestrelKv:Wire:Port", "many")]
    [InlineData("Wire:ConnectionsMax=99999999999", "KestrelKv:Wire:ConnectionsMax", "99999999999")]
    [InlineData("Wire:ProtectedMode=perhaps", "KestrelKv:Wire:ProtectedMode", "perhaps")]
    [InlineData("Wire:IdleTimeout=soon", "KestrelKv:Wire:IdleTimeout", "soon")]
    [InlineData("Data:Durability=sometimes", "KestrelKv:Data:Durability", "sometimes")]
    [InlineData("LogFormat=Xml", "KestrelKv:LogFormat", "Xml")]
    [InlineData("Wire:Prot=4444", "KestrelKv:Wire:Prot", "unknown, expected one of Address, Port, ")]
    [InlineData("Wire:Port:Number=4444", "KestrelKv:Wire:Port:Number", "unknown")]
    [InlineData("Wires:Port=4444", "KestrelKv:Wires", "unknown")]
    [InlineData("StopTimout=00:00:01", "KestrelKv:StopTimout", "unknown")]
    public void Read_OfAnInvalidOrUnknownSetting_NamesIt(string setting, string name, string expected)
    {
        string line = Assert.Single(Refusal(setting).Split('\n'));
        Assert.Contains(name, line, StringComparison.Ordinal);
        Assert.Contains(expected, line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Environment_SetsEachSetting_AndArgumentsOverrideIt()
    {
        int port = FreePort.Find();
        await using ServerProcess server = await ServerProcess.StartAsync(
            ["Limits:KeyBytesMax=20"],
            new Dictionary<string, string>
            {
                ["KestrelKv__Wire__Port"] = port.ToString(CultureInfo.InvariantCulture),
                ["KestrelKv__Wire__Address"] = "127.0.0.1",
                ["KestrelKv__Limits__KeyBytesMax"] = "10",
                ["KestrelKv__Limits__JsonDepthMax"] = "600",
                ["KestrelKv__LogFormat"] = "Json",
            });
        Assert.Equal(port, server.WirePort);
        Assert.StartsWith("{\"@t\":", server.Log, StringComparison.Ordinal);

        using WireClient client = await WireClient.ConnectAsync(server.WirePort);
        Assert.Equal(Frames.GetReply(new string('k', 20), "null"), await client.CallAsync(Frames.Get(new string('k', 20))));
        Assert.Contains("expected at most 20", await client.CallAsync(Frames.Get(new string('k', 21))), StringComparison.Ordinal);
        string tooDeep = await client.CallAsync(Frames.Put("a", new string('[', 601) + new string(']', 601)));
        Assert.Contains("deeper than 600", tooDeep, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Environment_WithAnUnknownSetting_IsRefused()
    {
        InvalidOperationException e = await Assert.ThrowsAsync<InvalidOperationException>(() => ServerProcess.StartAsync(
            environment: new Dictionary<string, string> { ["KestrelKv__Wire__Prot"] = "5555" }));
        Assert.Contains("KestrelKv:Wire:Prot", e.Message, StringComparison.Ordinal);
    }

    /// <summary>Returns the error for an argument, which the program prints as in <see cref="StartFailureTests"/>.</summary>
    private static string Refusal(params string[] settings) => Assert.Throws<SettingsException>(() => ServerSettings.Read(
        new ConfigurationBuilder().AddCommandLine([.. settings.Select(setting => $"--{ServerSettings.Section}:{setting}")]).Build())).Message;

    private static IEnumerable<string> Names(Type type, string before) =>
        type.GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(property => property.PropertyType.IsClass || property.CanWrite)
            .SelectMany(property =>
            property.PropertyType.IsClass && property.PropertyType != typeof(string)
                ? Names(property.PropertyType, $"{before}{property.Name}:")
                : [before + property.Name]);
}
