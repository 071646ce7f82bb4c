using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Clients;

/// <summary>A TypeScript client whose types openapi-typescript generates; <c>tests/run.sh</c> installs the packages.</summary>
internal sealed class TypeScriptClient : IDisposable
{
    private static readonly string Sources = Repository.PathTo("tests", "KestrelKv.Server.Tests", "Clients", "TypeScript");

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("kestrelkv-typescript-");

    public TypeScriptClient()
    {
        string packages = Path.Combine(Sources, "node_modules");
        Assert.True(Directory.Exists(packages), $"{packages} does not exist: run tests/run.sh, or npm ci in {Sources}");
        Directory.CreateSymbolicLink(PathTo("node_modules"), packages);
        foreach (string file in (string[])["calls.ts", "package.json", "tsconfig.json"]) File.Copy(Path.Combine(Sources, file), PathTo(file));
    }

    /// <summary>Generates the types from a description, and compiles the calls with them.</summary>
    public async Task CompileAsync(string description)
    {
        await File.WriteAllTextAsync(PathTo("description.json"), description);
        await RunAsync("openapi-typescript", PathTo("description.json"), "-o", PathTo("schema.d.ts"));
        await RunAsync("tsc", "-p", _folder.FullName);
    }

    /// <summary>Makes the calls.</summary>
    /// <returns>What they print.</returns>
    public Task<string> CallAsync(Uri server) => Programs.RunAsync("node", [PathTo("out/calls.js"), server.ToString()]);

    public void Dispose() => _folder.Delete(recursive: true);

    private Task<string> RunAsync(string tool, params string[] arguments) =>
        Programs.RunAsync(PathTo($"node_modules/.bin/{tool}"), arguments);

    private string PathTo(string file) => Path.Combine(_folder.FullName, file);
}
