using System.Text.Json;
using System.Xml.Linq;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Deploy;

/// <summary>The lock files of the projects pin the packages that Directory.Packages.props lists.</summary>
public sealed class LockFileTests
{
    public static TheoryData<string> Projects() =>
        [.. from folder in (string[])["src", "tests"]
            from project in Directory.EnumerateFiles(Repository.PathTo(folder), "KestrelKv.*.csproj", SearchOption.AllDirectories)
            select Path.GetRelativePath(Repository.Root, project)];

    [Theory]
    [MemberData(nameof(Projects))]
    public void LockFile_OfAProject_HasItsPackagesWithVersionsAndHashes(string project)
    {
        var versions = XDocument.Load(Repository.PathTo("Directory.Packages.props")).Descendants("PackageVersion")
            .ToDictionary(package => package.Attribute("Include")!.Value, package => package.Attribute("Version")!.Value);
        string text = File.ReadAllText(Path.Combine(Path.GetDirectoryName(Repository.PathTo(project))!, "packages.lock.json"));
        using JsonDocument file = JsonDocument.Parse(text);
        JsonElement packages = file.RootElement.GetProperty("dependencies").GetProperty("net10.0");

        foreach (XElement reference in XDocument.Load(Repository.PathTo(project)).Descendants("PackageReference"))
        {
            string name = reference.Attribute("Include")!.Value;
            Assert.True(packages.TryGetProperty(name, out JsonElement package), $"{name} is not locked: run dotnet restore");
            Assert.True(
                package.GetProperty("resolved").GetString() == versions[name], $"{name} is locked at another version: run dotnet restore");
        }
        Assert.All(
            packages.EnumerateObject().Where(package => package.Value.GetProperty("type").GetString() != "Project"),
            package => Assert.NotEmpty(package.Value.GetProperty("contentHash").GetString()!));

        // Any feed can provide the packages.
        Assert.DoesNotContain("http", text.Replace("System.Net.Http", "", StringComparison.Ordinal), StringComparison.Ordinal);
    }
}
