using System.Globalization;
using KestrelKv.Server.Tests.Documents;
using KestrelKv.Server.Tests.Telemetry;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Deploy;

/// <summary>A server set up with the commands of deploy/README.md: a certificate, roles and three users.</summary>
public sealed class GuideServer : IAsyncLifetime
{
    public static string Guide { get; } = Markdown.Read("deploy", "README.md");

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("kestrelkv-guide-");

    internal ServerProcess Server { get; private set; } = null!;

    /// <summary>A Prometheus that scrapes the server with the secret of the user prometheus.</summary>
    internal PrometheusProcess Prometheus { get; private set; } = null!;

    internal int TlsPort { get; } = FreePort.Find();

    internal string Folder => Path.Combine(_folder.FullName, "deploy", "secure");

    /// <summary>The secrets of the users by name.</summary>
    internal Dictionary<string, string> Secrets { get; } = [];

    internal string[] UsersFile => [$"Security:UsersFile={Path.Combine(Folder, "users.json")}"];

    public async Task InitializeAsync()
    {
        try
        {
            await RunAsync("openssl verify");
            await RunAsync("cat > deploy/secure/users.json");
            (string, string)[] users = [("orders", "writer"), ("report", "reader"), ("prometheus", "monitoring")];
            foreach ((string user, string role) in users)
            {
                Assert.Contains($"kv_user add {user} --role {role}", Guide, StringComparison.Ordinal);
                Secrets[user] = await UserAsync("add", user, "--role", role);
            }

            string certificate = Path.Combine(Folder, "server.crt"), key = Path.Combine(Folder, "server.key");
            string port = TlsPort.ToString(CultureInfo.InvariantCulture);
            Server = await ServerProcess.StartAsync(
            [
                .. UsersFile, "Wire:Address=127.0.0.1", $"Wire:TlsPort={port}",
                $"Wire:Tls:Certificate={certificate}", $"Wire:Tls:Key={key}",
            ]);
            string secret = Path.Combine(_folder.FullName, "prometheus.secret");
            await File.WriteAllTextAsync(secret, Secrets["prometheus"]);
            Prometheus = await PrometheusProcess.StartAsync(Server.Admin, secret);
        }
        catch
        {
            await DisposeAsync();
            throw;
        }
    }

    public async Task DisposeAsync()
    {
        if (Prometheus is not null) await Prometheus.DisposeAsync();
        if (Server is not null) await Server.DisposeAsync();

        // After a failure to initialize, this is the second call.
        if (Directory.Exists(_folder.FullName)) _folder.Delete(recursive: true);
    }

    /// <summary>Executes a user command and returns its output.</summary>
    internal async Task<string> UserAsync(params string[] arguments)
    {
        (int exitCode, string output) = await ServerProcess.RunToEndAsync(["user", .. arguments], UsersFile, data: null);
        Assert.True(exitCode == 0, output);
        return output.TrimEnd();
    }

    /// <summary>Executes the only block of the guide that contains a text.</summary>
    internal async Task<string> RunAsync(string part)
    {
        string block = Assert.Single(Markdown.Blocks(Guide, "sh"), block => block.Contains(part, StringComparison.Ordinal));
        return await Programs.RunAsync("bash", ["-ec", $"cd '{_folder.FullName}'\n{block}"]);
    }
}
