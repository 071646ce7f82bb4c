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

        Assert.Equal(ProjectsOfTheServer().Order(), layer.Where(source => source.EndsWith(".csproj", StringComparison.Ordinal)).Order());
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
        int own = final.FindIndex(i => i.Name == "RUN" && i.Arguments == "mkdir /data && chown $APP_UID /data");
        int volume = final.FindIndex(i => i is { Name: "VOLUME", Arguments: "/data" });
        int user = final.FindIndex(i => i is { Name: "USER", Arguments: "$APP_UID" });

        // Docker discards changes to a volume's folder after its declaration, and only root may change its owner.
        Assert.InRange(own, 0, volume);
        Assert.InRange(volume, own, user);
        Assert.DoesNotContain(final.Skip(user), i => i.Name == "RUN");
    }

    [Fact]
    public void Image_ExposesThePortsOfTheSettings() =>
        Assert.Equal($"{new WireOptions().Port} {new AdminOptions().Port}", Dockerfile.Final.Single(i => i.Name == "EXPOSE").Arguments);

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
    private static HashSet<string> ProjectsOfTheServer()
    {
        HashSet<string> projects = [];
        var pending = new Stack<string>(["src/KestrelKv.Server/KestrelKv.Server.csproj"]);
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
