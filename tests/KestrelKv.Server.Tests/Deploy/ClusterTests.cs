using System.Text.Json;
using System.Text.RegularExpressions;
using KestrelKv.Server.Admin;
using KestrelKv.Server.Settings;
using KestrelKv.Server.Tests.Documents;
using KestrelKv.Testing;
using KestrelKv.Wire;
using YamlDotNet.RepresentationModel;

namespace KestrelKv.Server.Tests.Deploy;

/// <summary>The files in deploy/cluster and the guide CLUSTER.md are consistent with each other and with the server.</summary>
public sealed partial class ClusterTests
{
    private static readonly string Guide = Markdown.Read("deploy", "CLUSTER.md");

    private static readonly string ComposeText = Read("compose.yaml");

    private static readonly YamlMappingNode Compose = Yaml("compose.yaml");

    private static readonly YamlMappingNode Patroni = Yaml("patroni.yml");

    private static readonly string[] Nodes = ["postgres1", "postgres2", "postgres3"];

    private static readonly string[] Stores = ["etcd1", "etcd2", "etcd3"];

    private static readonly string[] Servers = ["server1", "server2"];

    private static readonly HashSet<string> Settings =
        [.. Names(JsonSerializer.SerializeToElement(new ServerSettings()), "")];

    [Fact]
    public void Services_AreThreeOfEachQuorum_TwoServersAndABalancer() =>
        Assert.Equal([.. Stores, .. Nodes, .. Servers, "balancer"], Keys(Compose["services"]));

    [Fact]
    public void Images_ArePinned_AndBuiltFromAStageOfTheDockerfile()
    {
        string dockerfile = Read("Dockerfile");

        foreach (string service in Keys(Compose["services"]))
        {
            Assert.Matches(@"^[a-z-]+:\d+\.\d+\.\d+$", Text(Member(service, "image")));
            if (!IsBuilder(service)) continue;
            var build = (YamlMappingNode)Compose["services"][service]["build"];
            if (build.Children.TryGetValue("target", out YamlNode? stage))
                Assert.Contains($" AS {Text(stage)}\n", dockerfile, StringComparison.Ordinal);
            else
                Assert.True(File.Exists(Repository.PathTo("deploy", "cluster", Text(build["context"]), "Dockerfile")));
        }
        Assert.All(
            dockerfile.Split('\n').Where(line => line.StartsWith("FROM ", StringComparison.Ordinal)),
            line => Assert.Matches(@"^FROM debian:\d+\.\d+-slim AS ", line));
    }

    /// <summary>A build of several services with one image would export its tag several times.</summary>
    [Fact]
    public void Images_AreBuiltByOneService_AndNotPulledByTheOthers()
    {
        foreach (IGrouping<string, string> image in Keys(Compose["services"]).GroupBy(service => Text(Member(service, "image"))))
        {
            Assert.Single(image, IsBuilder);
            Assert.All(image.Where(service => !IsBuilder(service)), service => Assert.Equal("never", Text(Member(service, "pull_policy"))));
        }
    }

    [Fact]
    public void Containers_HaveNoRights_AndAReadOnlyRoot()
    {
        foreach (string service in Keys(Compose["services"]))
        {
            Assert.Equal(["ALL"], List(Member(service, "cap_drop")));
            Assert.Equal(["no-new-privileges:true"], List(Member(service, "security_opt")));
            Assert.Equal("true", Text(Member(service, "read_only")));
        }
    }

    [Fact]
    public void Secrets_ComeFromTheEnvironmentAlone()
    {
        string[] lines = [.. ComposeText.Split('\n').Concat(Read("patroni.yml").Split('\n')).Where(line => Secret().IsMatch(line))];

        // Each one is required: a default would be a known password.
        Assert.Equal(6, lines.Length);
        Assert.All(lines, line => Assert.Matches(@"PASSWORD: (&[a-z-]+ )?\$\{[A-Z_]+:\?|PASSWORD: \*database-password$", line));
        Assert.Contains("/deploy/cluster/.env\n", File.ReadAllText(Repository.PathTo(".gitignore")), StringComparison.Ordinal);
        Assert.Equal(
            SecretNames().Matches(ComposeText).Select(m => m.Groups[1].Value).Distinct().Order(),
            Markdown.Blocks(Guide, "sh").SelectMany(block => GuideSecrets().Matches(block)).Select(m => m.Value).Distinct().Order());
    }

    [Fact]
    public void Ports_AreThoseOfTheServer_PublishedByTheBalancerToThisMachineOnly()
    {
        string[] ports = [$"{new WireOptions().Port}", $"{new AdminOptions().Port}"];

        Assert.Equal(ports.Select(port => $"127.0.0.1:{port}:{port}"), List(Member("balancer", "ports")));
        Assert.Equal(1, ComposeText.Split('\n').Count(line => line.TrimEnd().EndsWith("ports:", StringComparison.Ordinal)));
        string balancer = Read("haproxy.cfg");
        Assert.Equal(ports, Bind().Matches(balancer).Select(m => m.Groups[1].Value));
        foreach (string server in Servers)
            Assert.All(ports, port => Assert.Contains($" {server}:{port}\n", balancer, StringComparison.Ordinal));
    }

    [Fact]
    public void Networks_OfEtcd_AreClosedToServersAndClients()
    {
        Assert.All(Stores, store => Assert.Equal(["consensus"], List(Member(store, "networks"))));
        Assert.All(Servers, server => Assert.Equal(["database", "clients"], List(Member(server, "networks"))));
        Assert.Equal(["clients"], List(Member("balancer", "networks")));
        Assert.Equal("true", Text(Compose["networks"]["consensus"]["internal"]));
        Assert.Equal("true", Text(Compose["networks"]["database"]["internal"]));
    }

    [Fact]
    public void Server_KnowsAllNodes_AndPatroniAllMembersOfEtcd()
    {
        Assert.StartsWith(
            $"Host={string.Join(',', Nodes)};", Variable("server1", "KestrelKv__Store__Postgres__ConnectionString"),
            StringComparison.Ordinal);
        Assert.Equal(Stores.Select(store => $"{store}:2379"), List(Patroni["etcd"]["hosts"]));
        foreach (string node in Nodes)
        {
            Assert.Equal(node, Variable(node, "PATRONI_NAME"));
            Assert.Equal($"{node}:5432", Variable(node, "PATRONI_POSTGRESQL_CONNECT_ADDRESS"));
            Assert.StartsWith($"{node}:", Assert.Single(List(Member(node, "volumes"))), StringComparison.Ordinal);
        }
        foreach (string store in Stores)
        {
            Assert.Equal(store, Variable(store, "ETCD_NAME"));
            Assert.Equal("true", Variable(store, "ETCD_ENABLE_V2"));
            Assert.Contains($"{store}=http://{store}:2380", Variable(store, "ETCD_INITIAL_CLUSTER"), StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("synchronous_mode", "true")]
    [InlineData("synchronous_mode_strict", "true")]
    [InlineData("synchronous_node_count", "1")]
    [InlineData("primary_start_timeout", "0")]
    [InlineData("ttl", "20")]
    [InlineData("loop_wait", "5")]
    [InlineData("retry_timeout", "5")]
    [InlineData("maximum_lag_on_failover", "1073741824")]
    public void Patroni_Setting_IsTheOneOfTheGuide(string name, string value)
    {
        Assert.Equal(value, Text(Patroni["bootstrap"]["dcs"][name]));
        Assert.Contains($"| `{name}` | `{value}` |", Guide, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("fsync")]
    [InlineData("full_page_writes")]
    [InlineData("synchronous_commit")]
    public void Postgres_SettingOfDurability_IsOn(string name) =>
        Assert.Equal("on", Text(Patroni["bootstrap"]["dcs"]["postgresql"]["parameters"][name]));

    [Fact]
    public void Rights_OfTheGuide_AreThoseThatTheClusterGrants()
    {
        // The guide has no variable for the password.
        IEnumerable<string> statements = Read("database.sql").Split('\n')
            .Where(line => !line.StartsWith("--", StringComparison.Ordinal) && !line.StartsWith("\\getenv", StringComparison.Ordinal));

        Assert.Equal(
            string.Join('\n', statements).Replace(":'password'", "'...'", StringComparison.Ordinal),
            Assert.Single(Markdown.Blocks(Guide, "sql")));
    }

    [Fact]
    public void Settings_OfTheGuideAndTheServers_Exist()
    {
        string[] named =
        [
            .. GuideSetting().Matches(Guide).Select(m => m.Groups[1].Value),
            .. EnvironmentSetting().Matches(Guide + ComposeText)
                .Select(m => m.Groups[1].Value.Replace("__", ":", StringComparison.Ordinal)),
        ];
        Assert.Contains("Store:Postgres:ConnectionString", named);

        // A server without this setting has the embedded engine alone.
        bool hasEngine = Settings.Contains("Store:Engine");
        Assert.All(
            named.Where(name => hasEngine || !(name == "Store:Engine" || name.StartsWith("Store:Postgres:", StringComparison.Ordinal))),
            name => Assert.Contains(name, Settings));
    }

    [Fact]
    public async Task Balancer_Configuration_PassesHaproxy() =>
        await Programs.RunAsync("haproxy", ["-c", "-q", "-f", Repository.PathTo("deploy", "cluster", "haproxy.cfg")]);

    private static string Read(string file) => File.ReadAllText(Repository.PathTo("deploy", "cluster", file));

    private static YamlMappingNode Yaml(string file)
    {
        var stream = new YamlStream();
        stream.Load(new StringReader(Read(file)));
        return (YamlMappingNode)Assert.Single(stream.Documents).RootNode;
    }

    private static bool IsBuilder(string service) => ((YamlMappingNode)Compose["services"][service]).Children.ContainsKey("build");

    private static YamlNode Member(string service, string name) => Member((YamlMappingNode)Compose["services"][service], name);

    /// <summary>Returns a member of a mapping, or of the one that it merges.</summary>
    private static YamlNode Member(YamlMappingNode node, string name) =>
        node.Children.TryGetValue(name, out YamlNode? value) ? value : Member((YamlMappingNode)node["<<"], name);

    private static string Variable(string service, string name) => Text(Member((YamlMappingNode)Member(service, "environment"), name));

    private static string[] Keys(YamlNode node) => [.. ((YamlMappingNode)node).Children.Keys.Select(Text)];

    private static string[] List(YamlNode node) => [.. ((YamlSequenceNode)node).Select(Text)];

    private static string Text(YamlNode node) => ((YamlScalarNode)node).Value!;

    private static IEnumerable<string> Names(JsonElement settings, string prefix) => settings.EnumerateObject()
        .SelectMany(p => p.Value.ValueKind == JsonValueKind.Object ? Names(p.Value, $"{prefix}{p.Name}:") : [prefix + p.Name]);

    [GeneratedRegex("password:", RegexOptions.IgnoreCase)]
    private static partial Regex Secret();

    [GeneratedRegex(@"\$\{([A-Z_]+):\?")]
    private static partial Regex SecretNames();

    [GeneratedRegex(@"\b[A-Z]+_[A-Z_]*PASSWORD\b")]
    private static partial Regex GuideSecrets();

    [GeneratedRegex(@"(?m)^    bind :(\d+) ")]
    private static partial Regex Bind();

    [GeneratedRegex(@"`((?:Store|Data|Wire|Admin|Limits|Security):[A-Za-z:]+)`")]
    private static partial Regex GuideSetting();

    [GeneratedRegex("KestrelKv__([A-Za-z_]+)")]
    private static partial Regex EnvironmentSetting();
}
