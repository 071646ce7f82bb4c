using KestrelKv.Server.Admin;
using KestrelKv.Server.Hosting;
using KestrelKv.Server.Settings;
using KestrelKv.Testing;
using KestrelKv.Wire;
using YamlDotNet.RepresentationModel;

namespace KestrelKv.Server.Tests.Deploy;

/// <summary>compose.yaml and the files that it mounts are consistent with each other and with the server.</summary>
public sealed class ComposeTests
{
    private static readonly YamlNode Compose = Yaml("compose.yaml");

    private static readonly YamlNode Server = Compose["services"]["server"];

    [Fact]
    public void Services_AreServerPrometheusAndGrafana_EachWithAHealthCheck()
    {
        Assert.Equal(["server", "prometheus", "grafana"], Keys(Compose["services"]));
        // The server's health check is part of its image.
        Assert.Contains(Dockerfile.Final, i => i.Name == "HEALTHCHECK");
        Assert.Contains("healthcheck", Keys(Compose["services"]["prometheus"]));
        Assert.Contains("healthcheck", Keys(Compose["services"]["grafana"]));
        Assert.Equal("service_healthy", Text(Compose["services"]["prometheus"]["depends_on"]["server"]["condition"]));
        Assert.Equal("service_healthy", Text(Compose["services"]["grafana"]["depends_on"]["prometheus"]["condition"]));
    }

    [Fact]
    public void Images_ArePinned() =>
        Assert.All(["prometheus", "grafana"], service => Assert.Matches(@":v?\d+\.\d+\.\d+$", Text(Compose["services"][service]["image"])));

    [Fact]
    public void Mounts_OfFoldersExist_AndOfVolumesAreDeclared()
    {
        string[] volumes = Keys(Compose["volumes"]);
        foreach (string source in Services().SelectMany(Mounts).Select(mount => mount.Source))
        {
            if (source.StartsWith("./", StringComparison.Ordinal))
                Assert.True(Directory.Exists(Repository.PathTo("deploy", source)), source);
            else Assert.Contains(source, volumes);
        }
        Assert.True(File.Exists(Repository.PathTo("deploy", Text(Server["build"]["context"]), "Dockerfile")));
    }

    [Fact]
    public void Ports_AreThoseOfTheServer_PublishedToThisMachineOnly()
    {
        string[] ports = [.. Services().SelectMany(service => List(service["ports"]))];

        Assert.All(ports, port => Assert.StartsWith("127.0.0.1:", port, StringComparison.Ordinal));
        Assert.Equal(
            [$"127.0.0.1:{new WireOptions().Port}:{new WireOptions().Port}", $"127.0.0.1:{new AdminOptions().Port}:{new AdminOptions().Port}"],
            List(Server["ports"]));
    }

    [Fact]
    public async Task Server_WithItsEnvironment_Starts()
    {
        var environment = ((YamlMappingNode)Server["environment"]).ToDictionary(pair => Text(pair.Key), pair => Text(pair.Value));

        await using ServerProcess server = await ServerProcess.StartAsync(environment: environment);

        Assert.Contains("to all clients", server.Log, StringComparison.Ordinal);
    }

    [Fact]
    public void Server_HasEnoughStopTimeAndFileDescriptors()
    {
        string grace = Text(Server["stop_grace_period"]);
        TimeSpan stop = TimeSpan.Parse(
            Text(Server["environment"]["KestrelKv__StopTimeout"]), System.Globalization.CultureInfo.InvariantCulture);

        Assert.InRange(stop, new ServerSettings().StopTimeout, TimeSpan.FromMinutes(10));
        Assert.True(TimeSpan.FromSeconds(int.Parse(grace.TrimEnd('s'), System.Globalization.CultureInfo.InvariantCulture)) > stop);
        Assert.True(int.Parse(Text(Server["ulimits"]["nofile"]), System.Globalization.CultureInfo.InvariantCulture) >= OpenFilesNeeded);
    }

    private static int OpenFilesNeeded => new WireOptions().ConnectionsMax + AdminConnections.Max(new()) + OpenFiles.Own;

    [Fact]
    public void Server_HasItsDataOnAVolume() =>
        Assert.Contains(
            Dockerfile.Final,
            i =>
                i.Name == "ENV" &&
                    i.Arguments.Contains($"KestrelKv__Data__Directory={MountOf("server", "data")} ", StringComparison.Ordinal));

    [Fact]
    public void Prometheus_ScrapesTheServer_AndLoadsTheAlerts()
    {
        YamlNode config = Yaml("prometheus/prometheus.yml");
        YamlNode job = Assert.Single((YamlSequenceNode)config["scrape_configs"]);

        Assert.Equal([$"server:{new AdminOptions().Port}"], List(job["static_configs"][0]["targets"]));
        Assert.Equal("server", Text(Server["environment"]["KestrelKv__Admin__AllowedHosts"]));
        Assert.All(List(config["rule_files"]), file => Assert.True(File.Exists(Repository.PathTo("deploy", "prometheus", file)), file));
        Assert.Equal("/etc/prometheus", MountOf("prometheus", "./prometheus"));
        Assert.Contains("--config.file=/etc/prometheus/prometheus.yml", List(Compose["services"]["prometheus"]["command"]));
    }

    [Fact]
    public async Task Prometheus_Configuration_PassesPromtool() =>
        await Programs.RunAsync("promtool", ["check", "config", Repository.PathTo("deploy", "prometheus", "prometheus.yml")]);

    [Fact]
    public void Grafana_HasTheDataSourceOfTheDashboard()
    {
        YamlNode source = Assert.Single((YamlSequenceNode)Yaml("grafana/provisioning/datasources/prometheus.yaml")["datasources"]);
        YamlNode provider = Assert.Single((YamlSequenceNode)Yaml("grafana/provisioning/dashboards/kestrelkv.yaml")["providers"]);

        Assert.Equal("http://prometheus:9090", Text(source["url"]));
        Assert.Equal("/etc/grafana/provisioning", MountOf("grafana", "./grafana/provisioning"));
        Assert.Equal(Text(provider["options"]["path"]), MountOf("grafana", "./grafana/dashboards"));
        Assert.Equal(
            $"{Text(provider["options"]["path"])}/kestrelkv.json",
            Text(Compose["services"]["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]));
        Assert.Equal(Text(Yaml("prometheus/prometheus.yml")["global"]["scrape_interval"]), Text(source["jsonData"]["timeInterval"]));
        Assert.All(
            Dashboard.Panels(), panel => Assert.Equal(Text(source["uid"]), panel.GetProperty("datasource").GetProperty("uid").GetString()));
    }

    private static YamlNode Yaml(string file)
    {
        var stream = new YamlStream();
        using StreamReader reader = File.OpenText(Repository.PathTo("deploy", file));
        stream.Load(reader);
        return Assert.Single(stream.Documents).RootNode;
    }

    private static IEnumerable<YamlNode> Services() => ((YamlMappingNode)Compose["services"]).Children.Values;

    private static IEnumerable<(string Source, string Target)> Mounts(YamlNode service) =>
        List(service["volumes"]).Select(mount => mount.Split(':')).Select(parts => (parts[0], parts[1]));

    private static string MountOf(string service, string source) =>
        Mounts(Compose["services"][service]).Single(mount => mount.Source == source).Target;

    private static string[] Keys(YamlNode node) => [.. ((YamlMappingNode)node).Children.Keys.Select(Text)];

    private static string[] List(YamlNode node) => [.. ((YamlSequenceNode)node).Select(Text)];

    private static string Text(YamlNode node) => ((YamlScalarNode)node).Value!;
}
