using System.IO.Compression;
using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using System.Xml.Linq;
using KestrelKv.Testing;

namespace KestrelKv.Client.Tests.Packages;

/// <summary>The NuGet packages: their contents, and a program that a user writes with them.</summary>
public sealed class PackageTests(PackedPackages packages) : IClassFixture<PackedPackages>
{
    private static readonly string[] Names =
        ["KestrelKv.Client", "KestrelKv.Client.Testing", "KestrelKv.Extensions", "KestrelKv.Extensions.AspNetCore", "KestrelKv.Extensions.Caching"];

    private const string Tool = "KestrelKv.Cli";

    public static TheoryData<string> PackageNames() => [.. Names];

    [Fact]
    public void Pack_OfTheSolution_MakesEachPackageWithSymbols() =>
        Assert.Equal(
            Names.Append(Tool).SelectMany(name => new[] { $"{name}.{packages.Version}.nupkg", $"{name}.{packages.Version}.snupkg" }).Order(StringComparer.Ordinal),
            Directory.GetFiles(packages.Directory).Select(path => Path.GetFileName(path)!).Order(StringComparer.Ordinal));

    [Theory]
    [MemberData(nameof(PackageNames))]
    public void Package_HasMetadataReadmeDocumentationAndADeterministicAssembly(string name)
    {
        using ZipArchive package = ZipFile.OpenRead(packages.PathOf(name));
        XElement metadata = XDocument.Load(package.GetEntry($"{name}.nuspec")!.Open()).Root!.Elements().Single();
        Dictionary<string, XElement> elements = metadata.Elements().ToDictionary(element => element.Name.LocalName);
        Assert.Equal("MIT", elements["license"].Value);
        Assert.Equal("README.md", elements["readme"].Value);
        Assert.NotEmpty(elements["description"].Value);
        Assert.NotEmpty(elements["tags"].Value);
        Assert.Equal("git", elements["repository"].Attribute("type")!.Value);
        Assert.Matches("^[0-9a-f]{40}$", elements["repository"].Attribute("commit")!.Value);

        using StreamReader readme = new(package.GetEntry("README.md")!.Open());
        Assert.StartsWith($"# {name}", readme.ReadToEnd(), StringComparison.Ordinal);
        Assert.NotNull(package.GetEntry($"lib/net10.0/{name}.xml"));

        using var assembly = new MemoryStream();
        package.GetEntry($"lib/net10.0/{name}.dll")!.Open().CopyTo(assembly);
        assembly.Position = 0;
        using var reader = new PEReader(assembly);
        Assert.Contains(reader.ReadDebugDirectory(), entry => entry.Type == DebugDirectoryEntryType.Reproducible);
    }

    [Theory]
    [MemberData(nameof(PackageNames))]
    public void Symbols_LinkToTheSources(string name)
    {
        using ZipArchive package = ZipFile.OpenRead(Path.ChangeExtension(packages.PathOf(name), ".snupkg"));
        using var symbols = new MemoryStream();
        package.GetEntry($"lib/net10.0/{name}.pdb")!.Open().CopyTo(symbols);
        symbols.Position = 0;
        using MetadataReaderProvider provider = MetadataReaderProvider.FromPortablePdbStream(symbols);
        MetadataReader reader = provider.GetMetadataReader();
        Assert.NotEmpty(reader.Documents);
    }

    [Fact]
    public void Client_HasNoDependencies()
    {
        using ZipArchive package = ZipFile.OpenRead(packages.PathOf("KestrelKv.Client"));
        XDocument nuspec = XDocument.Load(package.GetEntry("KestrelKv.Client.nuspec")!.Open());
        Assert.DoesNotContain(nuspec.Descendants(), element => element.Name.LocalName == "dependency");
    }

    [Fact]
    public async Task Tool_InstalledFromALocalFeed_Works()
    {
        await using ServerProcess server = await ServerProcess.StartAsync(["Data:Durability=Memory"]);
        using var directory = new DataDirectory();
        string tools = directory.PathTo("tools");
        await Programs.RunAsync("dotnet", ["tool", "install", Tool, "--version", packages.Version, "--tool-path", tools, "--source", packages.Directory], timeout: TimeSpan.FromMinutes(5));
        string[] url = ["--url", $"kestrelkv://127.0.0.1:{server.WirePort}"];
        await Programs.RunAsync(Path.Combine(tools, "kkv"), ["put", "a", "1.0", .. url]);
        Assert.Equal("1.0\n", await Programs.RunAsync(Path.Combine(tools, "kkv"), ["get", "a", .. url]));
    }

    [Fact]
    public async Task Program_WithThePackagesOfALocalFeed_WorksAsync()
    {
        await using ServerProcess server = await ServerProcess.StartAsync(["Data:Durability=Memory"]);
        using var directory = new DataDirectory();
        await File.WriteAllTextAsync(Path.Combine(directory.FullPath, "nuget.config"), $"""
            <configuration>
              <config>
                <add key="globalPackagesFolder" value="{Path.Combine(directory.FullPath, "packages")}" />
              </config>
              <packageSources>
                <add key="local" value="{packages.Directory}" />
              </packageSources>
              <fallbackPackageFolders>
                <add key="shared" value="{PackedPackages.SharedFolder}" />
              </fallbackPackageFolders>
            </configuration>
            """);
        string project = Path.Combine(directory.FullPath, "program.csproj");
        await File.WriteAllTextAsync(project, """
            <Project Sdk="Microsoft.NET.Sdk.Web">
              <PropertyGroup>
                <TargetFramework>net10.0</TargetFramework>
                <Nullable>enable</Nullable>
                <ImplicitUsings>enable</ImplicitUsings>
                <TreatWarningsAsErrors>true</TreatWarningsAsErrors>
              </PropertyGroup>
            </Project>
            """);
        await File.WriteAllTextAsync(Path.Combine(directory.FullPath, "Program.cs"), """
            using KestrelKv.Client;
            using KestrelKv.Client.Testing;

            await using var kv = new KestrelKvClient($"kestrelkv://127.0.0.1:{args[0]}");
            await kv.PutAsync("user:1", new User("Ada", 1));
            Entry<User> entry = await kv.GetAsync<User>("user:1");
            Console.WriteLine($"{entry.Value!.Name} {entry.Version > 0}");

            await using var fake = new InMemoryServer();
            await using KestrelKvClient client = fake.CreateClient();
            Console.WriteLine((await client.IncrementAsync("hits", 41)).Value + 1);

            sealed record User(string Name, int Visits);
            """);
        foreach (string name in Names)
            await Programs.RunAsync("dotnet", ["add", project, "package", name, "--version", packages.Version], timeout: TimeSpan.FromMinutes(5));
        string output = await Programs.RunAsync(
            "dotnet", ["run", "--project", project, "-c", "Release", "--", $"{server.WirePort}"], timeout: TimeSpan.FromMinutes(5));
        Assert.Equal(["Ada True", "42"], output.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)[^2..]);
    }
}

/// <summary>The packages, made once from the built solution.</summary>
public sealed class PackedPackages : IAsyncLifetime, IDisposable
{
    private readonly DataDirectory _directory = new();

    /// <summary>The folder of packages from which the tests themselves were restored.</summary>
    public static string SharedFolder { get; } = Environment.GetEnvironmentVariable("NUGET_PACKAGES") ??
        Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");

    public string Directory => _directory.FullPath;

    public string Version { get; private set; } = "";

    public string PathOf(string name) => Path.Combine(Directory, $"{name}.{Version}.nupkg");

    public async Task InitializeAsync()
    {
        Version = (await Programs.RunAsync("dotnet", ["msbuild", Repository.PathTo("src", "KestrelKv.Client"), "-getProperty:Version"])).Trim();
        await Programs.RunAsync(
            "dotnet", ["pack", Repository.PathTo("KestrelKv.sln"), "-c", Repository.Configuration, "--no-build", "-o", Directory, "-nologo", "-v:quiet"],
            timeout: TimeSpan.FromMinutes(5));
    }

    public Task DisposeAsync() => Task.CompletedTask;

    public void Dispose() => _directory.Dispose();
}
