using System.Text;
using KestrelKv.Server.Settings;
using KestrelKv.Storage;
using Microsoft.Extensions.Configuration;

namespace KestrelKv.Server.Tests.Lifecycle;

/// <summary>Each type of setting has one spelling. Other spellings are refused with the name, the value and what is expected.</summary>
public sealed class SettingsReaderTests
{
    [Theory]
    [InlineData("always", DurabilityMode.Always)]
    [InlineData("EVERYSEC", DurabilityMode.EverySec)]
    [InlineData(" Memory ", DurabilityMode.Memory)]
    public void Read_OfTheNameOfAMode_IgnoresCaseAndSurroundingSpace(string text, DurabilityMode expected) =>
        Assert.Equal(expected, Read(("Data:Durability", text)).Data.Durability);

    [Fact]
    public void Read_OfValuesOfEachType_SetsThem()
    {
        ServerSettings settings = Read(
            ("Wire:Port", "5555"), ("wire:protectedmode", "FALSE"), ("Data:HistoryBytes", "99999999999"), ("StopTimeout", "5m"));
        Assert.Equal((5_555, false, 99_999_999_999), (settings.Wire.Port, settings.Wire.ProtectedMode, settings.Data.HistoryBytes));
        Assert.Equal(TimeSpan.FromMinutes(5), settings.StopTimeout);
    }

    [Theory]
    [InlineData("Data:Durability", "EverySec,None", "Always, EverySec, None or Memory")]
    [InlineData("Data:Durability", "3", "Always, EverySec, None or Memory")]
    [InlineData("Data:Durability", "", "Always, EverySec, None or Memory")]
    [InlineData("Store:Eviction", "None, Lru", "None or Lru")]
    [InlineData("Store:Eviction", "1", "None or Lru")]
    [InlineData("LogFormat", "0", "Text or Json")]
    [InlineData("Wire:Port", "0x1000", "an integer in decimal digits, at most 2147483647")]
    [InlineData("Wire:Port", "#1000", "an integer in decimal digits, at most 2147483647")]
    [InlineData("Wire:Port", "4e3", "an integer in decimal digits, at most 2147483647")]
    [InlineData("Wire:Port", "", "an integer in decimal digits, at most 2147483647")]
    [InlineData("Wire:ConnectionsMax", "20,000", "an integer in decimal digits, at most 2147483647")]
    [InlineData("Store:MemoryBytesMax", "1GiB", "an integer in decimal digits")]
    [InlineData("Store:MemoryBytesMax", "1_000_000", "an integer in decimal digits")]
    [InlineData("Wire:ProtectedMode", "yes", "true or false")]
    [InlineData("Wire:ProtectedMode", "1", "true or false")]
    [InlineData("Wire:IdleTimeout", "30", Duration.Spellings)]
    [InlineData("Admin:AllowedHosts", "kv.example:8080", "host names without ports, separated by ;, or *")]
    [InlineData("Admin:Address", "8080", "*, localhost or an IP address")]
    [InlineData("Wire:Address", "127.1", "*, localhost or an IP address")]
    public void Read_OfAnInvalidSpelling_ReportsSettingValueAndExpected(string name, string value, string expected)
    {
        SettingsException e = Assert.Throws<SettingsException>(() => Read((name, value)));
        Assert.Equal($"the setting KestrelKv:{name} is {(value.Length > 0 ? value : "\"\"")}, expected {expected}", e.Message);
    }

    [Fact]
    public void Read_OfSeveralErrors_NamesEachOnce()
    {
        SettingsException e = Assert.Throws<SettingsException>(
            () =>
                Read(
                    ("Store:MemoryBytesMax", "1GB"), ("Store:Eviction", "Lru"), ("Wire:Prot", "1"), ("Wire:Port", "99999"),
                    ("Admin", "8080")));
        Assert.Equal(
            ["KestrelKv:Admin is 8080", "KestrelKv:Store:MemoryBytesMax is 1GB", "KestrelKv:Wire:Port is 99999", "KestrelKv:Wire:Prot is unknown"],
            e.Message.Split(Environment.NewLine).Select(line => line.Split(',')[0]["the setting ".Length..]).Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("""{"KestrelKv": {"Wire": {"Port": null}}}""", "Wire:Port is null")]
    [InlineData("""{"KestrelKv": {"Wire": {"Port": [1]}}}""", "Wire:Port:0 is unknown")]
    [InlineData("""{"KestrelKv": {"Wire": []}}""", "Wire is \"\", expected a section")]
    public void Read_OfAnInvalidShapeInJson_IsRefused(string json, string expected)
    {
        SettingsException e = Assert.Throws<SettingsException>(() => ReadJson(json));
        Assert.StartsWith($"the setting KestrelKv:{expected}", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"KestrelKv": {}}""")]
    [InlineData("""{"KestrelKv": {"Wire": {}}}""")]
    public void Read_OfAnEmptySection_HasTheDefaults(string json) => Assert.Equal(4_444, ReadJson(json).Wire.Port);

    private static ServerSettings Read(params (string Name, string Value)[] settings) => ServerSettings.Read(new ConfigurationBuilder()
        .AddInMemoryCollection(settings.Select(s => KeyValuePair.Create($"{ServerSettings.Section}:{s.Name}", (string?)s.Value))).Build());

    private static ServerSettings ReadJson(string json) =>
        ServerSettings.Read(new ConfigurationBuilder().AddJsonStream(new MemoryStream(Encoding.UTF8.GetBytes(json))).Build());
}
