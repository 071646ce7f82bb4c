using System.Text.Json;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Data;

/// <summary>The contents of a server: the text of a listing with keys, versions and values.</summary>
internal static class Contents
{
    public static async Task<string> OfAsync(ServerProcess server)
    {
        using var http = new HttpClient { BaseAddress = server.Admin };
        string page = await http.GetStringAsync(new Uri("v1/keys?limit=1000&values=true", UriKind.Relative));
        int end = page.IndexOf("\"next\": null", StringComparison.Ordinal);
        Assert.True(end > 0, "the keys do not fit on one page");
        return page[..end];
    }

    /// <summary>Returns a member of /v1/stats.</summary>
    public static async Task<JsonElement> StatAsync(ServerProcess server, string name)
    {
        using var http = new HttpClient { BaseAddress = server.Admin };
        using JsonDocument stats = JsonDocument.Parse(await http.GetStringAsync(new Uri("v1/stats", UriKind.Relative)));
        return stats.RootElement.GetProperty(name).Clone();
    }

    public static async Task<long> VersionAsync(ServerProcess server) => (await StatAsync(server, "version")).GetInt64();

    /// <summary>Puts keys over the wire, and deletes one of them over HTTP.</summary>
    public static async Task FillAsync(ServerProcess server, string prefix, int keys)
    {
        using WireClient client = await WireClient.ConnectAsync(server.WirePort);
        for (int i = 0; i < keys; i++)
            Assert.Equal(Frames.PutReply($"{prefix}{i}"), await client.CallAsync(Frames.Put($"{prefix}{i}", $"{{\"n\": {i}.0}}")));
        await client.CallAsync(Frames.Put($"{prefix}0", "\"changed é \\u00e9\""));

        using var http = new HttpClient { BaseAddress = server.Admin };
        using HttpResponseMessage deleted = await http.DeleteAsync(new Uri($"v1/keys/{prefix}1", UriKind.Relative));
        Assert.Equal(204, (int)deleted.StatusCode);
    }
}
