using System;
using System.Collections.Generic;
using System.Linq;
using System.Net.Http;
using System.Text.Json;
using System.Threading.Tasks;

namespace Generated;

/// <summary>Calls the server with the generated client. A compile error here means that the OpenAPI description is wrong.</summary>
public static class Calls
{
    public static async Task RunAsync()
    {
        using var http = new HttpClient();

        // The client takes its address from the description.
        var client = new KestrelKvClient(http);

        await client.PutKeyAsync("cs:1", null, null, null, 3600.5, null, null, new { name = "Ada", visits = 1 });
        var value = (JsonElement)(await client.GetKeyByQueryAsync("cs:1", null, null, null, 7200.5));
        Equal("Ada", value.GetProperty("name").GetString());

        KeyPage page = await client.ListKeysAsync("cs:", null, null, 10, true, false, null);
        KeyEntry entry = page.Keys.Single();
        Equal("cs:1", entry.Key);
        Equal(1, ((JsonElement)entry.Value).GetProperty("visits").GetInt32());
        Equal(true, entry.Expires_at > 0);
        Equal(null, page.Next);
        Equal(null, page.Prefixes);
        KeyPrefix group = (await client.ListKeysAsync("cs", null, null, null, null, null, ":")).Prefixes.Single();
        Equal(("cs:", 1L), (group.Prefix, group.Keys));

        BatchResponse batch = await client.ExecuteBatchAsync(null, new Body
        {
            Ops =
            [
                new Ops { Func = OpsFunc.INCR, Params = new Dictionary<string, object> { ["obj"] = "cs:1", ["path"] = "/visits" } },
                new Ops { Func = OpsFunc.PUT, Params = new Dictionary<string, object> { ["obj"] = "cs:2", ["val"] = new[] { 1 } } },
            ],
        });
        Equal(2, ((JsonElement)batch.Results.First()["val"]).GetInt32());
        Equal(2, (int)(await client.CountKeysAsync("cs:", null, null)).Count);
        Equal(
            "OK",
            (await client.CallAsync(new Body2 { Func = "GET", Params = new Dictionary<string, object> { ["obj"] = "cs:2" } })).Status);

        var lost = await FailsAsync<ApiException<ProblemDetails>>(
            client.PutKeyAsync("cs:1", "\"1000000\"", null, null, null, null, null, 1));
        Equal("412 precondition_failed", $"{lost.StatusCode} {lost.Result.Code}");
        Equal(true, lost.Result.Version > 0);

        await client.HeadKeyAsync("cs:1", null, null, null, null);
        var none = await FailsAsync<ApiException>(client.HeadKeyAsync("cs:none", null, null, null, null));
        Equal(404, none.StatusCode);

        using FileResponse events = await client.WatchAsync("cs:", 1, true, null, null);
        Equal((int)'r', events.Stream.ReadByte());
        Equal("always", (await client.GetStatsAsync()).Durability);
    }

    private static void Equal<T>(T expected, T actual)
    {
        if (!EqualityComparer<T>.Default.Equals(expected, actual)) throw new InvalidOperationException($"{actual}, expected {expected}");
    }

    private static async Task<T> FailsAsync<T>(Task call)
        where T : Exception
    {
        try
        {
            await call;
        }
        catch (T e)
        {
            return e;
        }
        throw new InvalidOperationException($"no {typeof(T)}");
    }
}
