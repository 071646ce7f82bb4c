using System.Xml.Linq;
using KestrelKv.Server.Admin;
using KestrelKv.Testing;
using KestrelKv.Wire;

namespace KestrelKv.Server.Tests.Deploy;

public sealed class DockerfileTests
{
    [Fact]
    public void RestoreLayer_CopiesWhatRestoreReads_AndNoSources()
    {
        string[] layer = [.. Dockerfile.Build.TakeWhile(i => i.Name != "RUN").Where(i => i.Name == "COPY").SelectMany(i => i.Sources)];

        Assert.Equal(ProjectsOfTheImage().Order(), layer.Where(source => source.EndsWith(".csproj", StringComparison.Ordinal)).Order());
        Assert.Equal(
            ProjectsOfTheImage().Select(project => $"{Path.GetDirectoryName(project)}/packages.lock.json").Order(),
            layer.Where(source => source.EndsWith("/packages.lock.json", StringComparison.Ordinal)).Order());
        Assert.Contains("Directory.Packages.props", layer);
        Assert.Contains("Directory.Build.props", layer);
        Assert.Contains("global.json", layer);
        Assert.All(
            layer,
            source =>
                Assert.True(File.Exists(Repository.PathTo(source)), $"{source} is not a file: the layer would change with the sources"));
    }

    [Fact]
    public void Image_RunsAsAnUnprivilegedUser_WhoOwnsTheData()
    {
        var final = Dockerfile.Final.ToList();
        int own = final.FindIndex(i =>
            i is { Name: "COPY", Arguments: "--from=build --chown=$APP_UID:$APP_UID /source/data /data" });
        int volume = final.FindIndex(i => i is { Name: "VOLUME", Arguments: "/data" });
        int user = final.FindIndex(i => i is { Name: "USER", Arguments: "$APP_UID" });

        // Docker discards changes to a volume's folder after its declaration.
        Assert.InRange(own, 0, volume);
        Assert.InRange(volume, own, user);
        Assert.Contains(Dockerfile.Build, i => i is { Name: "RUN", Arguments: "mkdir data" });
        Assert.Contains(Dockerfile.Build, i => i is { Name: "WORKDIR", Arguments: "/source" });
    }

    [Fact]
    public void Image_HasNoShell_AndNeedsNone()
    {
        Assert.EndsWith("-chiseled", Dockerfile.Final.First().Arguments, StringComparison.Ordinal);
        Assert.DoesNotContain(Dockerfile.Final, i => i.Name is "RUN" or "SHELL");

        // Only the JSON form runs a program without a shell.
        Assert.StartsWith("[", Dockerfile.Final.Single(i => i.Name == "ENTRYPOINT").Arguments, StringComparison.Ordinal);
        Assert.Contains(" CMD [", Dockerfile.Final.Single(i => i.Name == "HEALTHCHECK").Arguments, StringComparison.Ordinal);
        Assert.Equal(
            "true", XDocument.Load(Repository.PathTo("Directory.Build.props")).Descendants("InvariantGlobalization").Single().Value);
    }

    [Fact]
    public void Image_ExposesThePortsOfTheSettings() =>
        Assert.Equal(
            $"{new WireOptions().Port} {new WireOptions().TlsPort} {new AdminOptions().Port}",
            Dockerfile.Final.Single(i => i.Name == "EXPOSE").Arguments);

    [Fact]
    public void Stages_AreOfTheTargetFramework()
    {
        string version =
            XDocument.Load(Repository.PathTo("Directory.Build.props")).Descendants("TargetFramework").Single().Value["net".Length..];

        Assert.All(
            Dockerfile.Instructions.Where(i => i.Name == "FROM"),
            from => Assert.Contains($":{version}", from.Arguments, StringComparison.Ordinal));
    }

    /// <summary>Returns the server's project and all projects that it references, as paths relative to the root.</summary>
    private static HashSet<string> ProjectsOfTheImage()
    {
        HashSet<string> projects = [];
        var pending = new Stack<string>(["src/KestrelKv.Server/KestrelKv.Server.csproj", "src/KestrelKv.Cli/KestrelKv.Cli.csproj"]);
        while (pending.TryPop(out string? project))
        {
            if (!projects.Add(project)) continue;
            string folder = Path.GetDirectoryName(Repository.PathTo(project))!;
            foreach (XElement reference in XDocument.Load(Repository.PathTo(project)).Descendants("ProjectReference"))
                pending.Push(Path.GetRelativePath(Repository.Root, Path.Combine(folder, reference.Attribute("Include")!.Value)));
        }
        return projects;
    }
}
