using KestrelKv.Server.Admin;
using KestrelKv.Server.Tests.Documents;
using KestrelKv.Testing;
using KestrelKv.Wire;
using YamlDotNet.RepresentationModel;

namespace KestrelKv.Server.Tests.Deploy;

/// <summary>compose.secure.yaml and kubernetes.yaml are consistent with the server, its image and each other.</summary>
public sealed class SecureDeploymentTests
{
    private static readonly YamlNode Services = Documents("compose.secure.yaml").Single()["services"];

    private static readonly YamlNode StatefulSet = Documents("kubernetes.yaml").Single(document => Text(document["kind"]) == "StatefulSet");

    private static readonly YamlNode Pod = StatefulSet["spec"]["template"]["spec"];

    private static readonly YamlNode Container = Assert.Single((YamlSequenceNode)Pod["containers"]);

    private static readonly Dictionary<string, string> KubernetesVariables =
        ((YamlSequenceNode)Container["env"]).ToDictionary(variable => Text(variable["name"]), variable => Text(variable["value"]));

    private static readonly Dictionary<string, string> ComposeVariables =
        ((YamlMappingNode)Services["server"]["environment"]).ToDictionary(pair => Text(pair.Key), pair => Text(pair.Value));

    [Fact]
    public void Variables_AreSettings()
    {
        var settings = SettingsFile.Read().Select(s => $"KestrelKv__{s.Name.Replace(":", "__", StringComparison.Ordinal)}").ToHashSet();

        Assert.All(KubernetesVariables.Keys.Concat(ComposeVariables.Keys), variable => Assert.Contains(variable, settings));
    }

    [Fact]
    public void Servers_HaveUsersAndTlsOnBothPorts_AndNoPlainPort()
    {
        foreach (Dictionary<string, string> variables in (Dictionary<string, string>[])[KubernetesVariables, ComposeVariables])
        {
            Assert.NotEmpty(variables["KestrelKv__Security__UsersFile"]);
            Assert.Equal("false", variables["KestrelKv__Wire__Plaintext"]);
            foreach (string port in (string[])["Wire", "Admin"])
            {
                Assert.NotEmpty(variables[$"KestrelKv__{port}__Tls__Certificate"]);
                Assert.NotEmpty(variables[$"KestrelKv__{port}__Tls__Key"]);
            }
        }
    }

    [Fact]
    public void ComposePorts_AreThoseOfTls()
    {
        var ports = (YamlSequenceNode)Services["server"]["ports"];

        // Without the tag, compose adds the ports to those of compose.yaml, and the plain port stays open.
        Assert.Equal("!override", ports.Tag.Value);
        Assert.Equal(
            [$"{new WireOptions().TlsPort}:{new WireOptions().TlsPort}", $"{new AdminOptions().Port}:{new AdminOptions().Port}"],
            ports.Select(Text));
    }

    [Fact]
    public void ComposeServices_HaveNoCapabilities()
    {
        foreach (string service in (string[])["user", "prometheus", "grafana"])
        {
            Assert.Equal(["ALL"], ((YamlSequenceNode)Services[service]["cap_drop"]).Select(Text));
            Assert.Equal(["no-new-privileges:true"], ((YamlSequenceNode)Services[service]["security_opt"]).Select(Text));
        }
    }

    [Fact]
    public void ComposeFiles_AreInTheIgnoredFolder()
    {
        Assert.Contains("/deploy/secure/", File.ReadLines(Repository.PathTo(".gitignore")));

        // Keys must not become part of an image.
        Assert.Contains("deploy/", File.ReadLines(Repository.PathTo(".dockerignore")));
        foreach (YamlNode secret in ((YamlMappingNode)Documents("compose.secure.yaml").Single()["secrets"]).Children.Values)
            Assert.StartsWith("./secure/", Text(secret["file"]), StringComparison.Ordinal);
        Assert.All(
            (string[])["server", "user"],
            service => Assert.StartsWith(
                "./secure/server:/secure", Text(((YamlSequenceNode)Services[service]["volumes"]).Single()), StringComparison.Ordinal));
    }

    [Fact]
    public void Prometheus_ReadsTheSecretsOfCompose()
    {
        YamlNode job = Assert.Single((YamlSequenceNode)Documents("prometheus/prometheus.secure.yml").Single()["scrape_configs"]);
        string[] secrets = [.. ((YamlSequenceNode)Services["prometheus"]["secrets"]).Select(name => $"/run/secrets/{Text(name)}")];

        Assert.Equal("https", Text(job["scheme"]));
        Assert.Equal([Text(job["tls_config"]["ca_file"]), Text(job["authorization"]["credentials_file"])], secrets);
        Assert.Contains(
            "--config.file=/etc/prometheus/prometheus.secure.yml", ((YamlSequenceNode)Services["prometheus"]["command"]).Select(Text));
        Assert.Contains($"DNS:{Text(job["tls_config"]["server_name"])}", GuideServer.Guide, StringComparison.Ordinal);
    }

    [Fact]
    public void KubernetesPod_IsRestricted()
    {
        YamlNode pod = Pod["securityContext"], container = Container["securityContext"];

        Assert.Equal("true", Text(pod["runAsNonRoot"]));
        Assert.Equal("RuntimeDefault", Text(pod["seccompProfile"]["type"]));
        Assert.Equal("false", Text(container["allowPrivilegeEscalation"]));
        Assert.Equal("true", Text(container["readOnlyRootFilesystem"]));
        Assert.Equal(["ALL"], ((YamlSequenceNode)container["capabilities"]["drop"]).Select(Text));
        Assert.Equal("1", Text(StatefulSet["spec"]["replicas"]));
        Assert.True(
            int.Parse(Text(Pod["terminationGracePeriodSeconds"]), System.Globalization.CultureInfo.InvariantCulture) >
            TimeSpan.Parse(KubernetesVariables["KestrelKv__StopTimeout"], System.Globalization.CultureInfo.InvariantCulture).TotalSeconds);
    }

    [Fact]
    public void KubernetesMounts_HaveVolumes_AndContainTheFilesOfTheSettings()
    {
        string[] volumes =
        [
            .. ((YamlSequenceNode)Pod["volumes"]).Select(volume => Text(volume["name"])),
            .. ((YamlSequenceNode)StatefulSet["spec"]["volumeClaimTemplates"]).Select(claim => Text(claim["metadata"]["name"])),
        ];
        var mounts = ((YamlSequenceNode)Container["volumeMounts"]).Cast<YamlMappingNode>().ToList();

        Assert.Equal(volumes.Order(), mounts.Select(mount => Text(mount["name"])).Order());

        // A file mounted by subPath is never replaced.
        Assert.DoesNotContain(mounts, mount => mount.Children.ContainsKey("subPath"));
        Assert.All(
            KubernetesVariables.Values.Where(value => value.StartsWith('/')),
            file => Assert.Contains(Path.GetDirectoryName(file), mounts.Select(mount => Text(mount["mountPath"]))));
    }

    private static YamlNode[] Documents(string file)
    {
        var stream = new YamlStream();
        using StreamReader reader = File.OpenText(Repository.PathTo("deploy", file));
        stream.Load(reader);
        return [.. stream.Documents.Select(document => document.RootNode)];
    }

    private static string Text(YamlNode node) => ((YamlScalarNode)node).Value!;
}
