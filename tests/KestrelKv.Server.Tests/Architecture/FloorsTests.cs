using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Architecture;

/// <summary>The floors of the source: the references that each project may have. A lower floor never uses a higher one.</summary>
public sealed class FloorsTests
{
    private static readonly Floor[] Floors =
    [
        new(
            "KestrelKv.Json", Projects: [], Packages: [],
            ForbiddenReferences: ["Microsoft.AspNetCore.", "Microsoft.Extensions.", "System.Net.Sockets", "System.IO.Pipelines"]),
        new(
            "KestrelKv.Protocol", Projects: ["KestrelKv.Json"], Packages: [],
            ForbiddenReferences: ["Microsoft.AspNetCore.", "Microsoft.Extensions.", "System.Net.Sockets", "System.IO.Pipelines"]),
        new("KestrelKv.Storage", Projects: ["KestrelKv.Json"],
            Packages: ["Microsoft.Extensions.Logging.Abstractions", "Microsoft.Extensions.Options"],
            ForbiddenReferences: ["Microsoft.AspNetCore.", "System.Net."]),
        new("KestrelKv.Storage.Postgres", Projects: ["KestrelKv.Json", "KestrelKv.Storage"],
            Packages: ["Microsoft.Extensions.Logging.Abstractions", "Npgsql"], ForbiddenReferences: ["Microsoft.AspNetCore."]),
        new("KestrelKv.Transport", Projects: [], Packages: ["Microsoft.AspNetCore.Connections.Abstractions"],
            ForbiddenReferences: ["Microsoft.AspNetCore.Server.", "Microsoft.AspNetCore.Http.Abstractions", "Microsoft.AspNetCore.Hosting", "Microsoft.Extensions.Logging"]),
        new("KestrelKv.Wire", Projects: ["KestrelKv.Json", "KestrelKv.Protocol", "KestrelKv.Storage"],
            Packages: ["Microsoft.AspNetCore.Connections.Abstractions", "Microsoft.Extensions.Logging.Abstractions"],
            ForbiddenReferences: ["Microsoft.AspNetCore.Server.", "Microsoft.AspNetCore.Http", "Microsoft.AspNetCore.Hosting", "Serilog", "OpenTelemetry"]),
        new("KestrelKv.Server",
            Projects: [
                "KestrelKv.Json", "KestrelKv.Protocol", "KestrelKv.Storage", "KestrelKv.Storage.Postgres", "KestrelKv.Transport", "KestrelKv.Wire",
            ],
            Packages: null, ForbiddenReferences: []),
        new("KestrelKv.Client", Projects: [], Packages: [], ForbiddenReferences: ["Microsoft.AspNetCore.", "Microsoft.Extensions."]),
        new("KestrelKv.Cli", Projects: ["KestrelKv.Client", "KestrelKv.Json", "KestrelKv.Storage"], Packages: null, ForbiddenReferences: ["Microsoft.AspNetCore."],
            Assembly: "kkv"),
        new("KestrelKv.Client.Testing", Projects: ["KestrelKv.Client", "KestrelKv.Json", "KestrelKv.Protocol", "KestrelKv.Storage", "KestrelKv.Wire"],
            Packages: null, ForbiddenReferences: ["Microsoft.AspNetCore.Server."]),
        new("KestrelKv.Extensions", Projects: ["KestrelKv.Client"], Packages: null, ForbiddenReferences: ["Microsoft.AspNetCore."]),
        new("KestrelKv.Extensions.Caching", Projects: ["KestrelKv.Client"], Packages: null, ForbiddenReferences: ["Microsoft.AspNetCore."]),
        new("KestrelKv.Extensions.AspNetCore", Projects: ["KestrelKv.Client", "KestrelKv.Extensions.Caching"], Packages: null, ForbiddenReferences: []),
    ];

    /// <summary>Packages that only builds use: assemblies do not reference them.</summary>
    private static readonly string[] BuildPackages = ["Microsoft.CodeAnalysis.PublicApiAnalyzers"];

    /// <summary>The namespaces of the store. Each may use the contract and those before it.</summary>
    private static readonly string[] StorageNamespaces = ["Commits", "Files", "Feed", "Embedded", "Durability"];

    public static TheoryData<string> ProjectNames() => [.. Floors.Select(floor => floor.Name)];

    /// <summary>Projects that violate their floors, each in a different way.</summary>
    public static TheoryData<string, string, string> ViolatingProjects() => new()
    {
        { "KestrelKv.Json", "<ProjectReference Include=\"../KestrelKv.Storage/KestrelKv.Storage.csproj\" />", "KestrelKv.Storage" },
        { "KestrelKv.Protocol", "<ProjectReference Include=\"../KestrelKv.Storage/KestrelKv.Storage.csproj\" />", "KestrelKv.Storage" },
        { "KestrelKv.Storage", "<ProjectReference Include=\"..\\KestrelKv.Protocol\\KestrelKv.Protocol.csproj\" />", "KestrelKv.Protocol" },
        { "KestrelKv.Transport", "<ProjectReference Include=\"../KestrelKv.Protocol/KestrelKv.Protocol.csproj\" />", "KestrelKv.Protocol" },
        { "KestrelKv.Wire", "<ProjectReference Include=\"../KestrelKv.Server/KestrelKv.Server.csproj\" />", "KestrelKv.Server" },
        { "KestrelKv.Server", "<ProjectReference Include=\"../../tests/KestrelKv.Testing/KestrelKv.Testing.csproj\" />", "KestrelKv.Testing" },
        { "KestrelKv.Protocol", "<PackageReference Include=\"Microsoft.Extensions.Logging.Abstractions\" />", "Microsoft.Extensions.Logging.Abstractions" },
        { "KestrelKv.Storage", "<PackageReference Include=\"Serilog\" />", "Serilog" },
        { "KestrelKv.Wire", "<PackageReference Include=\"Serilog\" />", "Serilog" },
        { "KestrelKv.Wire", "<FrameworkReference Include=\"Microsoft.AspNetCore.App\" />", "Microsoft.AspNetCore.App" },
        { "KestrelKv.Storage", "<Reference Include=\"Other.dll\" />", "Other.dll" },
    };

    [Fact]
    public void Source_HasExactlyTheProjectsOfTheFloors() =>
        Assert.Equal(
            Floors.Select(floor => floor.Name).Order(StringComparer.Ordinal),
            Directory.GetFiles(Repository.PathTo("src"), "*.csproj", SearchOption.AllDirectories)
                .Select(Path.GetFileNameWithoutExtension).Order(StringComparer.Ordinal));

    [Theory]
    [MemberData(nameof(ProjectNames))]
    public void Project_HasOnlyAllowedReferences(string name)
    {
        // Settings for all projects under src count for each of them.
        string[] files =
        [
            Repository.PathTo("src", name, $"{name}.csproj"), Repository.PathTo("Directory.Build.props"),
            Repository.PathTo("src", "Directory.Build.targets"),
        ];
        foreach (string file in files)
            Assert.Empty(Violations(FloorOf(name), XDocument.Load(file)));
    }

    [Theory]
    [MemberData(nameof(ProjectNames))]
    public void Project_BelowTheServer_IsAPlainLibrary(string name)
    {
        string sdk = XDocument.Load(Repository.PathTo("src", name, $"{name}.csproj")).Root!.Attribute("Sdk")!.Value;
        Assert.Equal(name == "KestrelKv.Server" ? "Microsoft.NET.Sdk.Web" : "Microsoft.NET.Sdk", sdk);
    }

    [Theory]
    [MemberData(nameof(ProjectNames))]
    public void Assembly_HasOnlyAllowedReferences(string name)
    {
        Floor floor = FloorOf(name);
        string[] references = References(Repository.PathTo("src", name, "bin", Repository.Configuration, "net10.0", $"{floor.Assembly ?? name}.dll"));
        Assert.Contains("System.Runtime", references);
        Assert.All(references, reference =>
        {
            Assert.False(
                reference.StartsWith("KestrelKv.", StringComparison.Ordinal) && !floor.Projects.Contains(reference),
                $"{name} references {reference}");
            Assert.DoesNotContain(floor.ForbiddenReferences, forbidden => reference.StartsWith(forbidden, StringComparison.Ordinal));
        });
    }

    [Fact]
    public void StorageNamespaces_UseOnlyEarlierNamespaces()
    {
        string storage = Repository.PathTo("src", "KestrelKv.Storage");
        Assert.Equal(
            StorageNamespaces.Order(StringComparer.Ordinal),
            Directory.GetDirectories(storage).Select(Path.GetFileName).Where(name => name is not ("bin" or "obj")).Order(
                StringComparer.Ordinal));
        foreach (string file in Directory.GetFiles(storage, "*.cs", SearchOption.AllDirectories))
        {
            string folder = Path.GetRelativePath(storage, file).Split(Path.DirectorySeparatorChar)[0];
            if (folder is "bin" or "obj") continue;
            Assert.Empty(NamespacesUsed(File.ReadAllText(file), folder).Select(used => $"{file} uses {used}"));
        }
    }

    [Theory]
    [InlineData("using KestrelKv.Storage.Durability;")]
    [InlineData("Durability.Recovery recovery;")]
    public void NamespacesUsed_OfACycle_ReturnsTheNamespace(string line) => Assert.Equal(["Durability"], NamespacesUsed(line, "Feed"));

    [Theory]
    [MemberData(nameof(ViolatingProjects))]
    public void Violations_OfAViolatingProject_ReturnTheReference(string name, string reference, string expected)
    {
        var project = XDocument.Parse($"<Project><ItemGroup>{reference}</ItemGroup></Project>");
        Assert.Equal([expected], Violations(FloorOf(name), project));
    }

    /// <summary>
    /// Returns the namespaces of the store that a file uses but must not: in a directive, or before the name of one of their types.
    /// </summary>
    private static string[] NamespacesUsed(string source, string own)
    {
        int floor = Array.IndexOf(StorageNamespaces, own);
        return
        [
            .. StorageNamespaces[(floor + 1)..].Where(name => floor >= 0 && (
                source.Contains($"using KestrelKv.Storage.{name};", StringComparison.Ordinal) ||
                TypesOf(name).Any(type => Regex.IsMatch(source, $@"(?<![\w.]){name}\.{type}\b")))),
        ];
    }

    private static IEnumerable<string?> TypesOf(string name) =>
        Directory.GetFiles(Repository.PathTo("src", "KestrelKv.Storage", name), "*.cs").Select(Path.GetFileNameWithoutExtension);

    private static Floor FloorOf(string name) => Floors.Single(floor => floor.Name == name);

    private static IEnumerable<string> Violations(Floor floor, XDocument project)
    {
        foreach (XElement element in project.Descendants())
        {
            string? include = element.Attribute("Include")?.Value;
            if (include is null) continue;
            string? wrong = element.Name.LocalName switch
            {
                "ProjectReference" when !floor.Projects.Contains(ProjectName(include)) => ProjectName(include),
                "PackageReference" when floor.Packages is { } packages && !packages.Contains(include) && !BuildPackages.Contains(include) => include,
                "FrameworkReference" or "Reference" when floor.Packages is not null => include,
                _ => null,
            };
            if (wrong is not null) yield return wrong;
        }
    }

    private static string ProjectName(string path) => Path.GetFileNameWithoutExtension(path.Replace('\\', '/'));

    private static string[] References(string assembly)
    {
        using var file = new PEReader(File.OpenRead(assembly));
        MetadataReader metadata = file.GetMetadataReader();
        return [.. metadata.AssemblyReferences.Select(handle => metadata.GetString(metadata.GetAssemblyReference(handle).Name))];
    }

    /// <summary>
    /// The allowed references of a project: projects, packages (null for any, and any framework), and name prefixes that the built assembly must not
    /// reference. The assembly has the name of the project, unless it is given.
    /// </summary>
    private sealed record Floor(string Name, string[] Projects, string[]? Packages, string[] ForbiddenReferences, string? Assembly = null);
}
