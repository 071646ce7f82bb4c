using System.Globalization;
using KestrelKv.Server.Tests.Data;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Documents;

/// <summary>The examples of README.md and HTTP.md work when pasted.</summary>
public sealed class ReadmeTests
{
    private static readonly string Readme = Markdown.Read("README.md");
    private static readonly string Http = Markdown.Read("src", "KestrelKv.Server", "HTTP.md");

    [Fact]
    public async Task PythonExample_Pasted_PutsAndGets()
    {
        await using ServerProcess server = await ServerProcess.StartAsync();
        string script = Assert.Single(Markdown.Blocks(Readme, "python"));

        string printed = await Programs.RunAsync("python3", ["-c", OnPortsOf(server, script)]);

        Assert.Equal(
            """
            {'status': 'OK', 'response': {'func': 'PUT', 'response': {'obj': 'user:1', 'response': 'ok'}}}
            {'status': 'OK', 'response': {'func': 'GET', 'response': {'obj': 'user:1', 'val': {'name': 'Ada', 'visits': 1}}}}

            """, printed);
    }

    [Fact]
    public async Task CurlExamples_Pasted_PutAndGet()
    {
        await using ServerProcess server = await ServerProcess.StartAsync();
        string script = Assert.Single(Markdown.Blocks(Readme, "sh"), block => block.StartsWith("curl -X PUT", StringComparison.Ordinal));

        string printed = await Programs.RunAsync("bash", ["-c", OnPortsOf(server, script)]);

        Assert.Contains("HTTP/1.1 200 OK", printed, StringComparison.Ordinal);
        Assert.Contains("ETag: \"1\"", printed, StringComparison.Ordinal);
        Assert.Contains(
            """{"keys": [{"key": "user:2", "version": 1, "expires_at": null, "bytes": 32, "value": {"name": "Grace", "visits": 2.0}}], "next": null, "version": 1}""",
            printed, StringComparison.Ordinal);
    }

    [Fact]
    public async Task HttpExamples_Pasted_PatchExpireBatchAndWatch()
    {
        await using ServerProcess server = await ServerProcess.StartAsync();
        string put = Assert.Single(Markdown.Blocks(Readme, "sh"), block => block.StartsWith("curl -X PUT", StringComparison.Ordinal));
        string change = Assert.Single(Markdown.Blocks(Http, "sh"), block => block.StartsWith("curl -X PATCH", StringComparison.Ordinal));
        string watch = Assert.Single(Markdown.Blocks(Http, "sh"), block => block.StartsWith("curl -N", StringComparison.Ordinal));

        await Programs.RunAsync("bash", ["-c", OnPortsOf(server, put)]);
        string changed = await Programs.RunAsync("bash", ["-c", OnPortsOf(server, change)]);
        string again = await Programs.RunAsync("bash", ["-c", OnPortsOf(server, change)]);
        string watched = await Programs.RunAsync("bash", ["-c", OnPortsOf(server, UntilItPrints("\"visits\": 4", watch))]);

        const string Batch = "{\"version\": 4, \"results\": [{\"obj\": \"user:2\", \"val\": 4, \"found\": true, \"version\": 4, \"expires_at\": null}, {\"obj\": \"log:17\", \"response\": \"ok\"}]}";
        const string Expected = "3\"open\"" + Batch + "{\"count\": 1, \"version\": ";
        Assert.StartsWith(Expected, changed, StringComparison.Ordinal);
        Assert.StartsWith(Expected, again, StringComparison.Ordinal);
        Assert.StartsWith("retry: 1000\nid: 0\nevent: bookmark\ndata: {\"version\": 0, \"changes\": []}\n\nid: ", watched, StringComparison.Ordinal);
        Assert.Contains(
            "{\"version\": 1, \"kind\": \"put\", \"obj\": \"user:2\", \"val\": {\"name\": \"Grace\", \"visits\": 2.0}, \"expires_at\": null}", watched, StringComparison.Ordinal);
        Assert.DoesNotContain("session", watched, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AuthenticationExamples_Pasted_WriteReadAndCount()
    {
        string script = Assert.Single(Markdown.Blocks(Http, "sh"), block => block.Contains("$SECRET", StringComparison.Ordinal));
        using var users = new TestUsersFile($$$"""
            {"version": 1, "roles": {"orders": {"grants": [{"prefix": "order:", "allow": ["read", "write"]}]}},
             "users": {"app": {"roles": ["orders"], "secrets": [{"sha256": "{{{TestUsersFile.HashOf("secret")}}}"}]} } }
            """);
        await using ServerProcess server = await ServerProcess.StartAsync([users.Setting]);

        const string InNewFolder = "folder=$(mktemp -d); trap 'rm -r $folder' EXIT; cd $folder";
        string printed = await Programs.RunAsync("bash", ["-c", $"{InNewFolder}; SECRET=secret; {OnPortsOf(server, script)}"]);
        string refused = await Programs.RunAsync("bash", ["-c", $"{InNewFolder}; SECRET=wrong; {OnPortsOf(server, script)}"]);

        Assert.Equal("{\"total\": 12.5}{\"count\": 1, \"version\": 1}", printed);
        Assert.Equal(3, refused.Split("\"code\":\"auth_failed\"").Length - 1);
    }

    [Fact]
    public async Task BackupExamples_Pasted_SaveAFileAndRestoreIt()
    {
        string fetch = Assert.Single(Markdown.Blocks(Readme, "sh"), block => block.Contains("/v1/admin/backup", StringComparison.Ordinal));
        string restore = Assert.Single(Markdown.Blocks(Readme, "sh"), block => block.Contains("-- restore", StringComparison.Ordinal));
        using var backups = new DataDirectory();
        using var data = new DataDirectory();
        await using (ServerProcess server = await ServerProcess.StartAsync())
        {
            await Contents.FillAsync(server, "a", 998);
            await Programs.RunAsync("bash", ["-c", $"cd '{backups.FullPath}' && {OnPortsOf(server, fetch)}"]);
        }
        restore = restore.Replace("dotnet run -c Release --project src/KestrelKv.Server --", $"dotnet '{Repository.ServerDll}'", StringComparison.Ordinal);
        await Programs.RunAsync("bash", ["-c", $"cd '{backups.FullPath}' && KestrelKv__Data__Directory='{data.FullPath}' {restore}"]);

        await using ServerProcess restored = await ServerProcess.StartAsync(data: data);
        Assert.Equal(997, (await Contents.StatAsync(restored, "keys")).GetInt64());
    }

    /// <summary>Returns a script that runs an endless command and ends it after a line with the given text.</summary>
    private static string UntilItPrints(string text, string command) =>
        $"exec 3< <({command.Trim()}); while read -r line <&3; do echo \"$line\"; [[ $line == *'{text}'* ]] && break; done; kill $!";

    private static string OnPortsOf(ServerProcess server, string script) => script
        .Replace("4444", server.WirePort.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal)
        .Replace("localhost:8080", server.Admin.Authority, StringComparison.Ordinal);
}
