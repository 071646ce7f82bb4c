using System.Reflection;
using System.Text.Json;
using System.Xml.Linq;
using KestrelKv.Client;
using KestrelKv.Extensions.Settings;
using KestrelKv.Testing;

namespace KestrelKv.Extensions.Tests.Hosting;

/// <summary>The JSON schema of the settings, by which editors complete appsettings.json.</summary>
public sealed class ConfigurationSchemaTests
{
    private static readonly string Project = Repository.PathTo("src", "KestrelKv.Extensions");

    [Fact]
    public void Schema_Properties_AreExactlyThePublicSettings()
    {
        IEnumerable<string> settings = typeof(KestrelKvClientSettings).GetProperties().Select(property => property.Name);
        IEnumerable<string> options = typeof(KestrelKvClientOptions).GetProperties().Where(IsSimple).Select(property => property.Name);
        Assert.Equal(settings.Concat(options).Order(StringComparer.Ordinal), Schema().EnumerateObject().Select(member => member.Name).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Schema_Defaults_AreThoseOfTheCode()
    {
        foreach (JsonProperty member in Schema().EnumerateObject())
        {
            Assert.NotEmpty(member.Value.GetProperty("description").GetString()!);
            object? expected = typeof(KestrelKvClientSettings).GetProperty(member.Name)?.GetValue(new KestrelKvClientSettings()) ??
                typeof(KestrelKvClientOptions).GetProperty(member.Name)?.GetValue(new KestrelKvClientOptions());
            string? inSchema = member.Value.TryGetProperty("default", out JsonElement value) ? value.ToString() : null;
            Assert.Equal(expected?.ToString(), inSchema);
        }
    }

    [Fact]
    public void Schema_Options_CanBeSetByTheirNames()
    {
        foreach (PropertyInfo property in typeof(KestrelKvClientOptions).GetProperties().Where(IsSimple))
        {
            var options = new KestrelKvClientOptions();
            string value = Type.GetTypeCode(Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType) switch
            {
                TypeCode.Boolean => "True",
                TypeCode.String => "text",
                _ when property.PropertyType == typeof(WriteRetry) => nameof(WriteRetry.AtMostOnce),
                _ when property.PropertyType == typeof(TimeSpan) => "00:00:42",
                _ => "4242",
            };
            options.Set(property.Name, value);
            Assert.Equal(value, property.GetValue(options)!.ToString());
        }
    }

    [Fact]
    public void Package_SchemaAndTargets_AreWhereEditorsExpectThem()
    {
        Dictionary<string, string> packed = XDocument.Load(Path.Combine(Project, "KestrelKv.Extensions.csproj")).Descendants("None")
            .ToDictionary(item => item.Attribute("Include")!.Value, item => item.Attribute("PackagePath")!.Value);
        Assert.Equal("/", packed["Settings/ConfigurationSchema.json"]);
        Assert.Equal("buildTransitive/$(TargetFramework)/", packed["Settings/KestrelKv.Extensions.targets"]);

        // From buildTransitive/net10.0 to the root of the package. The pattern is a regular expression.
        XElement segment = XDocument.Load(Path.Combine(Project, "Settings", "KestrelKv.Extensions.targets")).Descendants("JsonSchemaSegment").Single();
        Assert.Equal("$(MSBuildThisFileDirectory)../../ConfigurationSchema.json", segment.Attribute("Include")!.Value);
        Assert.Matches(segment.Attribute("FilePathPattern")!.Value, "appsettings.Development.json");
    }

    private static bool IsSimple(PropertyInfo property)
    {
        Type type = Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType;
        return type.IsPrimitive || type.IsEnum || type == typeof(string) || type == typeof(TimeSpan);
    }

    private static JsonElement Schema()
    {
        using JsonDocument schema = JsonDocument.Parse(File.ReadAllText(Path.Combine(Project, "Settings", "ConfigurationSchema.json")));
        return schema.RootElement.GetProperty("properties").GetProperty("KestrelKv").GetProperty("properties").GetProperty("Client").GetProperty("properties").Clone();
    }
}
