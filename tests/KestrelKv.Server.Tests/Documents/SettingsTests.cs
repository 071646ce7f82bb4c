using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using KestrelKv.Server.Settings;
using Microsoft.Extensions.Configuration;

namespace KestrelKv.Server.Tests.Documents;

/// <summary>SETTINGS.md and appsettings.json list every setting with its default, and the ranges of SETTINGS.md are those of the server.</summary>
public sealed partial class SettingsTests
{
    private static readonly string Document = Markdown.Read("src", "KestrelKv.Server", "SETTINGS.md");

    public static TheoryData<string, string, string, string> Ranges()
    {
        var ranges = new TheoryData<string, string, string, string>();
        foreach (Match row in Range().Matches(Document))
            ranges.Add(row.Groups["name"].Value, row.Groups["least"].Value, row.Groups["greatest"].Value, row.Groups["zero"].Value);
        return ranges;
    }

    [Fact]
    public void RootAppSettings_Read_HaveEverySettingAtItsDefault()
    {
        IConfiguration file = new ConfigurationBuilder().AddJsonFile(SettingsFile.FilePath).Build();

        Assert.Equal(JsonSerializer.Serialize(new ServerSettings()), JsonSerializer.Serialize(ServerSettings.Read(file)));
        Assert.Equal(
            Names(JsonSerializer.SerializeToElement(new ServerSettings()), "").Order(StringComparer.Ordinal),
            SettingsFile.Read().Select(setting => setting.Name));
    }

    [Fact]
    public void Tables_Read_HaveEverySettingWithItsDefault() =>
        Assert.Equal(
            SettingsFile.Read().Select(setting => (setting.Name, setting.Value.Length == 0 ? "(empty)" : setting.Value)),
            Setting().Matches(Document).Select(m => (m.Groups["name"].Value, m.Groups["value"].Value.Trim('`'))).OrderBy(row => row.Item1, StringComparer.Ordinal));

    [Theory]
    [MemberData(nameof(Ranges))]
    public void Range_OfTheTables_IsThatOfTheServer(string name, string least, string greatest, string zero)
    {
        AssertValid(name, least);
        AssertInvalid(name, Next(least, -1));
        if (greatest.Length > 0)
        {
            AssertValid(name, greatest);
            AssertInvalid(name, Next(greatest, 1));
        }
        if (zero.Length > 0) AssertValid(name, zero);
    }

    private static void AssertValid(string name, string value) => ServerSettings.Read(Configuration(name, value));

    private static void AssertInvalid(string name, string value)
    {
        var error = Assert.Throws<SettingsException>(() => ServerSettings.Read(Configuration(name, value)));
        Assert.StartsWith($"the setting KestrelKv:{name} is ", error.Message, StringComparison.Ordinal);
    }

    private static IConfiguration Configuration(string name, string value) =>
        new ConfigurationBuilder().AddInMemoryCollection([new($"KestrelKv:{name}", value)]).Build();

    /// <summary>Returns the number next to a bound. The last letter of a duration is its unit; the step is one millisecond.</summary>
    private static string Next(string bound, int step)
    {
        int milliseconds = bound[^1] switch { 's' => 1_000, 'm' => 60_000, 'h' => 3_600_000, 'd' => 86_400_000, _ => 0 };
        return milliseconds == 0
            ? $"{long.Parse(bound, CultureInfo.InvariantCulture) + step}"
            : $"{(long.Parse(bound[..^1], CultureInfo.InvariantCulture) * milliseconds) + step}ms";
    }

    private static IEnumerable<string> Names(JsonElement settings, string prefix) => settings.EnumerateObject()
        .SelectMany(p => p.Value.ValueKind == JsonValueKind.Object ? Names(p.Value, $"{prefix}{p.Name}:") : [prefix + p.Name]);

    [GeneratedRegex(@"^\| `(?<name>[A-Z][A-Za-z:]+)` \| (?<value>[^|]*) \|", RegexOptions.Multiline)]
    private static partial Regex Setting();

    [GeneratedRegex(
        @"^\| `(?<name>[A-Z][A-Za-z:]+)` \| [^|]* \| (?:at least )?(?<least>\d+[smhd]?)(?: to (?<greatest>\d+[smhd]?))?(?:, or (?<zero>0))? \|", RegexOptions.Multiline)]
    private static partial Regex Range();
}
